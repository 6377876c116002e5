"""The store on MongoDB through Motor. The only package that may import motor, pymongo or bson."""

from store.mongo.check import look, look_at_indexes, look_for_users
from store.mongo.client import MongoOptions, require_form
from store.mongo.lease import Lease
from store.mongo.store import MongoStore, open_store

__all__ = [
    "Lease",
    "MongoOptions",
    "MongoStore",
    "look",
    "look_at_indexes",
    "look_for_users",
    "open_store",
    "require_form",
]
