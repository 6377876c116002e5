"""The store on MongoDB through Motor. The only package that may import motor, pymongo or bson."""

from store.mongo.client import MongoOptions
from store.mongo.lease import Lease
from store.mongo.store import MongoStore, open_store

__all__ = ["Lease", "MongoOptions", "MongoStore", "open_store"]
