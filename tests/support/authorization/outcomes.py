"""The columns of the authorization matrix, and the outcomes that most operations share: who gets which answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

OK = "ok"  # every other outcome is an error code of the contract


class Who(StrEnum):
    """Who asks. In a scene each of them stands in the relation to its room that the name says."""

    ANONYMOUS = "anonymous"  # no token
    DELETED = "deleted"  # the old token of an account that is deleted
    STRANGER = "stranger"  # logged in, never a member
    BANNED = "banned"
    MUTED = "muted"
    BOT = "bot"  # the token of a bot that the room's owner made
    MEMBER = "member"
    AUTHOR = "author"  # a member; wrote the message that the operation is about
    MODERATOR = "moderator"
    OWNER = "owner"
    ADMIN = "admin"  # listed in ADMIN_USERS; no member


Outcomes = Mapping[Who, str]

NO_SESSION = (Who.ANONYMOUS, Who.DELETED)
OUTSIDE = (Who.STRANGER, Who.BANNED)
PLAIN = (Who.MEMBER, Who.AUTHOR)


def outcomes(base: Outcomes, **codes: Iterable[Who]) -> Outcomes:
    """`base` with other outcomes for some: the keyword is the outcome, its value who gets it."""
    return {**base, **{who: code for code, people in codes.items() for who in people}}


EVERYBODY = dict.fromkeys(Who, OK)
# What concerns one's own account, or everybody who is logged in. Bots may do what the table says, and nothing else.
LOGGED_IN = outcomes(EVERYBODY, unauthorized=NO_SESSION, forbidden=[Who.BOT])
# Members read. An administrator reads messages as a member only.
READ = outcomes(LOGGED_IN, not_member=(Who.STRANGER, Who.ADMIN), banned=[Who.BANNED], ok=[Who.BOT])
WRITE = outcomes(READ, muted=[Who.MUTED])
# Members too, but a bot may not do it
PARTICIPATE = outcomes(READ, forbidden=[Who.BOT])
MODERATE = outcomes(LOGGED_IN, not_member=[Who.STRANGER], banned=[Who.BANNED], forbidden=(*PLAIN, Who.MUTED, Who.BOT))
OWN = outcomes(MODERATE, forbidden=[Who.MODERATOR])
# Metrics and the details of health, from an address that METRICS_ALLOW does not list
OPERATE = outcomes(dict.fromkeys(Who, "forbidden"), ok=[Who.ADMIN])
