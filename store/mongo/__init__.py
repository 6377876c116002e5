"""The store on MongoDB through Motor. The only package that may import motor, pymongo or bson."""

from store.mongo.client import MongoOptions, require_form
from store.mongo.database_lease import Lease
from store.mongo.deployment_check import check_indexes, probe, taken_usernames
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
