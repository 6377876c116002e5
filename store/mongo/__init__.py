"""The store on MongoDB through Motor. The only package that may import motor, pymongo or bson."""

from store.mongo.check import check_indexes, probe, taken_usernames
from store.mongo.client import MongoOptions, require_form
from store.mongo.lease import Lease
from store.mongo.store import MongoStore, open_store

__all__ = [
    "Lease",
    "MongoOptions",
    "MongoStore",
    "check_indexes",
    "open_store",
    "probe",
    "require_form",
    "taken_usernames",
]
