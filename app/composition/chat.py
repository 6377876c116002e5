"""Builds the parts of the chat from the settings, a store and the parts that processes share."""

from __future__ import annotations

import asyncio
import math
import time

import msgspec

from app.bus_dispatch import BusDispatch, MembershipEvents
from app.clock import now_ms
from app.composition.accounts import AccountParts, build_accounts
from app.composition.cluster import Cluster
from app.composition.common_parts import CommonParts
from app.composition.conversation import Conversation, build_conversation
from app.composition.files import FileParts, build_files
from app.composition.limits import build_limits
from app.composition.member_notices import MemberNotices, build_member_notices
from app.composition.memberships import build_membership_updates
from app.composition.presence import PresenceParts, build_presence
from app.settings import Settings
from cache.keys_and_ttls import CacheTtls, Keys
from chat.codec import Codec
from chat.connections.authentication import ConnectionAuthentication
from chat.connections.command_table import Commands
from chat.connections.connection_pool import Pool
from chat.connections.drain import Drain
from chat.connections.heartbeat_sweep import HeartbeatSweep
from chat.connections.revocations import Revocations
from chat.connections.slot_reconciler import SlotReconciler
from chat.connections.user_events import UserEvents
from chat.delivery.joining import RoomJoiner
from chat.delivery.room_hub import Hub
from chat.invites import Invites
from chat.membership_recheck import MembershipRecheck
from chat.presence.room_loader import RoomLoader
from chat.presenter import Presenter
from chat.recheck_requests import RecheckRequests
from chat.request_limits import RequestLimits
from chat.room_deletion import DeletedRoomEvents
from chat.uncertain_writes import UncertainWrites
from cluster.live_processes import LiveProcesses
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from handlers.wire.server_frames import text_frame
from limits.load_shedding import LoadShedder, NullLoadShedder
from limits.whitelist import Whitelist
from monitor.loop_lag import LoopLag
from monitor.observer import Observer
from store.contract import Store
from store.errors import StoreError

PRESENCE_GRACE_S = 1.0
# How long a cached permission is trusted: another process may change it, and the event of that may be lost. With Redis
# it is then kept in this process for NEAR_MAX_AGE_S more (cache/near_cache.py): 5 s in all, the late fills included.
TRUST_S = 4.0
SHARED_TRUST_S = 3.0


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts. `task_queue` publishes; `presence_loads` and `membership_rechecks` read from the store."""

    membership_recheck: MembershipRecheck
    membership_rechecks: SerialTaskQueue
    account_parts: AccountParts
    authentication: ConnectionAuthentication
    recheck_requests: RecheckRequests
    bus_dispatch: BusDispatch
    codec: Codec
    conversation: Conversation
    commands: Commands
    drain: Drain
    file_parts: FileParts
    heartbeat_sweep: HeartbeatSweep
    hub: Hub
    invites: Invites
    limits: RequestLimits
    live_processes: LiveProcesses
    member_notices: MemberNotices
    paced_callbacks: PacedCallbacks
    pool: Pool
    presence_parts: PresenceParts
    presence_loads: SerialTaskQueue
    revocations: Revocations
    shedding: LoadShedder | NullLoadShedder
    slot_reconciler: SlotReconciler
    task_queue: SerialTaskQueue
    user_events: UserEvents


def build_chat(
    settings: Settings,
    *,
    store: Store,
    secret: str,
    shared: Cluster,
    whitelist: Whitelist,
    process_id: str,
    observer: Observer,
    lag: LoopLag,
) -> Chat:
    """Build the parts without starting any. Call it on a running event loop."""
    ws, bus, cache = settings.ws, shared.bus, shared.cache
    loop = asyncio.get_running_loop()
    keys = Keys(
        CacheTtls(
            messages_s=settings.cache.ttl_messages_s,
            users_s=settings.cache.ttl_users_s,
            stats_s=settings.cache.ttl_stats_s,
            access_s=SHARED_TRUST_S if shared.is_shared else TRUST_S,
            unverified_s=SHARED_TRUST_S if shared.is_shared else math.inf,
        )
    )
    paced_callbacks = PacedCallbacks(loop=loop)
    task_queue = SerialTaskQueue(expected=(StoreError,))
    presence_loads = SerialTaskQueue(expected=(StoreError,))
    membership_rechecks = SerialTaskQueue(expected=(StoreError,))
    recheck_requests = RecheckRequests()
    codec = JsonCodec()
    hub = Hub(
        store=store,
        bus=bus,
        codec=codec,
        frame=text_frame,
        observer=observer,
        coalesce=ws.coalesce,
        hold_max_bytes=ws.outbox_max_bytes,
        recheck_room=recheck_requests.recheck_room,
        show_room=lambda room: presenter.room(room, None),  # of events, which come later
    )
    presence_parts = build_presence(
        codec=codec,
        bus=bus,
        task_queue=task_queue,
        paced_callbacks=paced_callbacks,
        process_id=process_id,
        grace_s=PRESENCE_GRACE_S,
        loop=loop,
        deliver=hub.on_ephemeral,
        recheck_members=recheck_requests.recheck_members,
    )
    presence, typing = presence_parts.presence, presence_parts.typing
    live_processes = LiveProcesses(
        bus=bus,
        people=presence_parts.remote_presence,
        task_queue=task_queue,
        process_id=process_id,
        now=time.monotonic,
        on_death=lambda _: cache.invalidate_all(),  # it may have died before it invalidated its last writes
        on_missed_changes=recheck_requests.recheck_all,
    )
    pool = Pool(
        hub=hub,
        bus=bus,
        connection_slots=shared.connection_slots,
        presence=presence,
        task_queue=task_queue,
        observer=observer,
        max_connections=ws.max_connections,
        max_per_user=ws.max_connections_per_user,
        alive=lambda: live_processes.alive,
    )
    revocations = Revocations(pool=pool)
    user_events = UserEvents(pool=pool, hub=hub, codec=codec, frame=text_frame)
    slot_reconciler = SlotReconciler(pool=pool, connection_slots=shared.connection_slots)
    membership_events = MembershipEvents(user_events=user_events, presence=presence, typing=typing)
    membership_recheck = MembershipRecheck(
        requests=recheck_requests,
        store=store,
        cache=cache,
        keys=keys,
        pool=pool,
        revocations=revocations,
        presence=presence,
        presence_publisher=presence_parts.presence_publisher,
        task_queue=membership_rechecks,
        begin=membership_events.began,
        end=membership_events.found_ended,
        now_ms=now_ms,
    )
    presenter = Presenter(status_of=presence.status_of, online_count=presence.online_count)
    common = CommonParts(settings=settings, store=store, shared=shared, keys=keys, codec=codec, presenter=presenter)
    uncertain_writes = UncertainWrites(task_queue=membership_rechecks, timeout_s=common.store_timeout_s)
    membership_updates = build_membership_updates(common, requests=recheck_requests, uncertain_writes=uncertain_writes)
    invites = Invites(store=store, membership_updates=membership_updates, presenter=presenter)
    account_parts = build_accounts(common, secret=secret, invites=invites, whitelist=whitelist)
    member_notices = build_member_notices(common, pool=pool, presence=presence, paced_callbacks=paced_callbacks)
    conversation = build_conversation(
        common,
        hub=hub,
        presence=presence,
        typing=typing,
        membership_updates=membership_updates,
        uncertain_writes=uncertain_writes,
        room_activity=member_notices.activity_publisher,
        latest_told=user_events.latest,
        account_parts=account_parts,
        on_not_member=membership_recheck.on_not_member,
        observer=observer,
    )
    message_writer, message_changes = conversation.message_writer, conversation.message_changes
    limits = build_limits(
        settings,
        limiter=shared.limiter,
        whitelist=whitelist,
        lag=lag,
        queue_share=lambda: max(
            message_writer.waiting / message_writer.max_waiting,
            message_changes.waiting / message_changes.max_waiting,
            store.pending_writes / store.pending_writes_max,
        ),
        observer=observer,
    )

    authentication = ConnectionAuthentication(
        logins=account_parts.logins,
        pool=pool,
        presence=presence,
        room_loader=RoomLoader(store=store, presence=presence, task_queue=presence_loads),
        revocations=revocations,
        now_ms=now_ms,
    )
    commands = Commands(
        authentication=authentication,
        profiles=account_parts.profiles,
        rooms=conversation.rooms,
        messages=conversation.messages,
        message_changes=message_changes,
        read_marks=conversation.read_marks,
        administrators=account_parts.administrators,
        joins=RoomJoiner(store=store, hub=hub, rooms=conversation.rooms, presenter=presenter, codec=codec),
        hub=hub,
        presence=presence,
        typing=typing,
        limits=limits.request_limits,
        codec=codec,
        pool=pool,
        bus=bus,
        now_ms=now_ms,
        outbox_half_bytes=ws.outbox_max_bytes // 2,
    )
    return Chat(
        membership_recheck=membership_recheck,
        membership_rechecks=membership_rechecks,
        account_parts=account_parts,
        authentication=authentication,
        file_parts=build_files(common),
        recheck_requests=recheck_requests,
        bus_dispatch=BusDispatch(
            hub=hub,
            pool=pool,
            revocations=revocations,
            user_events=user_events,
            presence=presence,
            live_processes=live_processes,
            membership_events=membership_events,
            mentions_of_all=member_notices.mentions_of_all,
            room_activity=member_notices.activity_sender,
            deleted_rooms=DeletedRoomEvents(
                pool=pool, presence=presence, paced_callbacks=paced_callbacks, end=membership_events.ended
            ),
            recheck_requests=recheck_requests,
            cache=cache,
        ),
        codec=codec,
        conversation=conversation,
        commands=commands,
        drain=Drain(pool=pool, codec=codec),
        heartbeat_sweep=HeartbeatSweep(
            pool=pool,
            paced_callbacks=paced_callbacks,
            ping_interval_s=ws.ping_interval_s,
            ping_timeout_s=ws.ping_timeout_s,
        ),
        hub=hub,
        invites=invites,
        limits=limits.request_limits,
        live_processes=live_processes,
        member_notices=member_notices,
        paced_callbacks=paced_callbacks,
        pool=pool,
        presence_parts=presence_parts,
        presence_loads=presence_loads,
        revocations=revocations,
        shedding=limits.shedding,
        slot_reconciler=slot_reconciler,
        task_queue=task_queue,
        user_events=user_events,
    )
