"""What people of the sample do besides writing: one function for each verb of the scenes, and the table of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from app.demo.cast import BOT
from app.demo.screenplay import Act
from app.demo.stage import Stage
from app.demo.timeline import Step
from chat.request_inputs.bots import AddBot
from chat.request_inputs.moderation import BanSomebody
from chat.request_inputs.rooms import CreateInvite, PatchRoom

LINK_LIVES_S = 60 * 86_400


async def archive(stage: Stage, step: Step, act: Act) -> None:
    await stage.chat.conversation.room_settings.update(
        stage.rooms[step.room], stage.actor(act.who), PatchRoom(archived=True)
    )


async def ban(stage: Stage, step: Step, act: Act) -> None:
    name, *reason = act.words
    await stage.chat.conversation.bans.add(
        stage.actor(act.who), stage.rooms[step.room], stage.id_of(name), BanSomebody(reason=" ".join(reason))
    )


async def bot(stage: Stage, step: Step, act: Act) -> None:
    bots = stage.chat.conversation.bot_parts.bots
    made = await bots.add(stage.rooms[step.room], stage.actor(act.who), AddBot(BOT))
    stage.bot_token = made.token


async def delete(stage: Stage, step: Step, act: Act) -> None:
    message_id = stage.message(step.room, act.words[0])
    await stage.chat.conversation.message_changes.delete(stage.actor(act.who), message_id)


async def join(stage: Stage, step: Step, act: Act) -> None:
    rooms, user_id = stage.chat.conversation.rooms, stage.id_of(act.who)
    await rooms.join(await rooms.standing(stage.rooms[step.room], user_id), user_id)


async def link(stage: Stage, step: Step, act: Act) -> None:
    await stage.chat.invites.create(stage.rooms[step.room], stage.actor(act.who), CreateInvite(expires_in=LINK_LIVES_S))


async def mute(stage: Stage, step: Step, act: Act) -> None:
    name, minutes = act.words
    until_ms = step.at_ms + int(minutes) * 60_000
    moderation = stage.chat.conversation.member_moderation
    await moderation.mute(stage.actor(act.who), stage.rooms[step.room], stage.id_of(name), until_ms)


async def report(stage: Stage, step: Step, act: Act) -> None:
    label, *reason = act.words
    message_id = stage.message(step.room, label)
    await stage.chat.conversation.reports.add(stage.id_of(act.who), message_id, " ".join(reason))


async def slow(stage: Stage, step: Step, act: Act) -> None:
    await stage.chat.conversation.room_settings.update(
        stage.rooms[step.room], stage.actor(act.who), PatchRoom(slow_mode_s=int(act.words[0]))
    )


VERBS: Mapping[str, Callable[[Stage, Step, Act], Awaitable[None]]] = {
    "archive": archive,
    "ban": ban,
    "bot": bot,
    "delete": delete,
    "join": join,
    "link": link,
    "mute": mute,
    "report": report,
    "slow": slow,
}
