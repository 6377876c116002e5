"""The sample people and rooms: one table of each."""

from __future__ import annotations

from msgspec import Struct

from store.models import Status

HERO = "amara"  # whom the command says to log in as
EMAIL_DOMAIN = "demo.invalid"  # RFC 2606: nobody has an address there, so such an account is a sample
OUTSIDER = "best-watches"
BOT = "echo"
BOT_ROOM = "playground"
FEED_ROOM = "builds"
FEED_NAME = "CI"


class Person(Struct, frozen=True):
    username: str
    display_name: str
    text_color: str
    background_color: str
    status: Status = Status.ONLINE
    custom_status: str | None = None
    has_picture: bool = True

    @property
    def email(self) -> str:
        return f"{self.username}@{EMAIL_DOMAIN}"


class RoomPlan(Struct, frozen=True):
    """A room; the first of `people` makes it. A direct room has two people and no name."""

    key: str
    name: str
    description: str | None
    people: tuple[str, ...]
    is_private: bool = False
    moderators: tuple[str, ...] = ()

    @property
    def is_direct(self) -> bool:
        return not self.name


PEOPLE = (
    Person("amara", "Amara Okafor", "#ffffff", "#0b5cad", custom_status="In a call until noon"),
    Person("ben", "Ben Sørensen", "#ffffff", "#2e7d32", custom_status="Measuring with a stick 📏"),
    Person("chloe", "Chloé Dubois", "#ffffff", "#ad1457", Status.BUSY, "Icons, icons, icons"),
    Person("dmitri", "Дмитрий Волков", "#ffffff", "#4527a0"),
    Person("eleni", "Ελένη Παπαδάκη", "#1b1b1b", "#ffb300", custom_status="Away on Thursday"),
    Person("farid", "فريد حداد", "#ffffff", "#00695c", custom_status="على العبّارة ⛴️"),
    Person("hana", "佐藤 花", "#1b1b1b", "#f48fb1", custom_status="木曜はお休みです"),
    Person("haneul", "김하늘", "#1b1b1b", "#80deea", Status.AWAY),
    Person("itai", "איתי לוי", "#ffffff", "#6d4c41", Status.AWAY, "חוזר ביום שישי"),
    Person("jun", "陈俊", "#ffffff", "#c62828", has_picture=False),
    Person("kavya", "काव्या शर्मा", "#1b1b1b", "#aed581", custom_status="12,000 buoys 🛟"),
    Person("lucia", "Lucía Fernández", "#ffffff", "#ef6c00", Status.BUSY),
    Person(OUTSIDER, "Best Watches", "#1b1b1b", "#ffff00", has_picture=False),
)
TEAM = tuple(person.username for person in PEOPLE if person.username != OUTSIDER)


def _with_hero(*others: str) -> tuple[str, ...]:
    return (HERO, *(name for name in others if name != HERO))


ROOMS = (
    RoomPlan("general", "General", "For everybody", _with_hero(*TEAM), moderators=("ben",)),
    RoomPlan("regatta", "Spring regatta", "Boats, timing, T-shirts", _with_hero("ben", "chloe", "haneul", "kavya",
             "lucia")),
    RoomPlan("builds", "Builds", "What the CI says, and what we say to it",
             ("dmitri", "amara", "ben", "jun", "kavya", "lucia"), moderators=("kavya",)),
    RoomPlan("design", "Design", "What things look like, honestly", ("chloe", "amara", "eleni", "hana"),
             is_private=True, moderators=("hana",)),
    RoomPlan("helpdesk", "Help desk", "Questions from outside: one question, one thread",
             ("farid", "amara", "ben", "chloe", "dmitri", "eleni", "jun", "lucia"), moderators=("amara",)),
    RoomPlan("languages", "Languages · لغات · שפות · 言語", "Write in one that is not your first", ("itai", *(
             name for name in TEAM if name != "itai"))),
    RoomPlan("lunch", "Lunch 🍲", "Decided before dinner", ("kavya", "amara", "ben", "eleni", "farid", "lucia")),
    RoomPlan("playground", "Bot playground", "For bots, and for those who write them",
             ("dmitri", "amara", "ben", "jun", "kavya"), moderators=("amara",)),
    RoomPlan("hiring", "Hiring", None, ("amara", "farid", "itai"), is_private=True),
    RoomPlan("amara+ben", "", None, ("amara", "ben")),
    RoomPlan("amara+haneul", "", None, ("haneul", "amara")),
    RoomPlan("chloe+hana", "", None, ("chloe", "hana")),
)  # fmt: skip

# How many of a room's newest messages the hero has not read; of other rooms everything is read.
UNREAD_BY_HERO = {"general": 5, "amara+ben": 2, "design": 4, "builds": 9}
