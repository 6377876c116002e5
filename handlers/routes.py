"""The route table: path → handler, and the services that it is given."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from msgspec import Struct
from tornado.routing import URLSpec
from tornado.web import Application

from chat.account_deletion import AccountDeletion
from chat.blocks import Blocks
from chat.bots import Bots
from chat.data_export import DataExport
from chat.invites import Invites
from chat.search import Search
from chat.settings import Settings
from chat.webhooks import Webhooks
from handlers import (
    auth,
    avatars,
    bots,
    data_export,
    files,
    health,
    invites,
    messages,
    metrics,
    metrics_dashboard,
    metrics_history,
    moderation,
    rooms,
    search,
    static_files,
    user_blocks,
    user_settings,
    users,
    webhooks,
    websocket_handshake,
)
from handlers.access_log import log_request
from handlers.assets.asset_files import AssetFiles
from handlers.base import Handler
from handlers.cache_health import CacheHealth
from handlers.database_health import DatabaseHealth
from handlers.documents.asyncapi import asyncapi_document
from handlers.documents.openapi import Route, openapi_document
from handlers.documents.served_document import DocumentHandler, ServedDocument
from handlers.http.request_target import TargetApplication
from handlers.metrics import MetricPages
from handlers.not_found import NotFound, NotFoundForOperators, SecretNotFound
from handlers.performance_health import PerformanceHealth
from handlers.service_worker import WORKER
from handlers.shared_services import SharedServices
from handlers.websocket_connection_factory import WebSocketConnectionFactory
from monitor.alert_pipeline import AlertPipeline
from monitor.metrics_collector import MetricsCollector

ID = r"([^/]+)"
ASSET = r"([A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2})"

S = TypeVar("S")


class Services(Struct, frozen=True):
    """Everything that handlers are given by app/composition/web.py."""

    shared: SharedServices
    rooms: rooms.RoomServices
    invites: Invites
    account_deletion: AccountDeletion
    user_settings: Settings
    blocks: Blocks
    data_export: DataExport
    moderation: moderation.ModerationServices
    messages: messages.MessageServices
    search: Search
    bots: Bots
    webhooks: Webhooks
    files: files.FileServices
    about: health.About
    readiness: health.Readiness
    database_health: DatabaseHealth
    cache_health: CacheHealth
    alert_pipeline: AlertPipeline
    performance_health: PerformanceHealth
    metrics_collector: MetricsCollector
    metric_pages: MetricPages
    dashboard_snapshots: metrics_dashboard.DashboardSnapshots
    assets: AssetFiles
    connection_factory: WebSocketConnectionFactory


def make_application(services: Services) -> Application:
    """Build the application."""

    def route(path: str, handler: type[Handler[S]], needs: S) -> URLSpec:
        shown = path.replace(ID, "{id}").replace(ASSET, "{name}")
        return URLSpec(path, handler, {"shared": services.shared, "route": shown, "services": needs})

    about = services.about
    build = {"version": about.version, "store": about.store, "cache": about.cache}
    assets = static_files.ServedAssets(services.assets)
    index = static_files.ServedAssets(services.assets, fixed_name="chat/index.html")
    dashboard = static_files.ServedAssets(services.assets, fixed_name="dashboard/index.html")
    docs = static_files.ServedAssets(services.assets, fixed_name="docs/index.html")
    manifest = static_files.ServedAssets(services.assets, fixed_name="manifest.webmanifest")
    worker = static_files.ServedAssets(services.assets, fixed_name=WORKER)
    history = metrics_history.HistoryReading(services.alert_pipeline.history, time.time)
    asyncapi = ServedDocument(lambda: asyncapi_document(version=about.version))
    openapi = ServedDocument(
        lambda: openapi_document(documented_routes(application.wildcard_router.rules), version=about.version)
    )
    application = TargetApplication(
        [
            route(r"/", static_files.AssetHandler, index),
            route(r"/dashboard", static_files.AssetHandler, dashboard),
            route(r"/docs", static_files.AssetHandler, docs),
            route(r"/manifest.webmanifest", static_files.AssetHandler, manifest),
            route(rf"/{WORKER}", static_files.AssetHandler, worker),
            route(rf"/static/{ASSET}", static_files.AssetHandler, assets),
            route(r"/openapi.json", DocumentHandler, openapi),
            route(r"/asyncapi.json", DocumentHandler, asyncapi),
            route(r"/health", health.HealthHandler, services.about),
            route(r"/health/ready", health.ReadyHandler, services.readiness),
            route(r"/health/database", health.ReportHandler, services.database_health),
            route(r"/health/cache", health.ReportHandler, services.cache_health),
            route(r"/metrics/history", metrics_history.HistoryHandler, history),
            route(r"/metrics/snapshot", metrics_dashboard.SnapshotHandler, services.dashboard_snapshots),
            route(r"/metrics/alerts", metrics_history.AlertsHandler, services.alert_pipeline.alerts),
            route(r"/health/performance", health.ReportHandler, services.performance_health),
            route(r"/metrics", metrics.PrometheusHandler, metrics.Exposition(services.metrics_collector, build)),
            *(
                route(rf"/metrics/{page}", metrics.MetricsHandler, metrics.OnePage(services.metric_pages, page))
                for page in ("performance", "database", "websocket", "cache")
            ),
            route(r"/metrics/.*", NotFoundForOperators, None),
            route(r"/ws", websocket_handshake.HandshakeHandler, services.connection_factory),
            route(r"/auth/register", auth.RegisterHandler, None),
            route(r"/auth/login", auth.LoginHandler, None),
            route(r"/auth/refresh", auth.RefreshHandler, None),
            route(r"/auth/logout", auth.LogoutHandler, None),
            route(r"/auth/profile", auth.ProfileHandler, None),
            route(r"/auth/password", auth.PasswordHandler, None),
            route(r"/auth/sessions", auth.SessionsHandler, None),
            route(rf"/auth/sessions/{ID}", auth.OneSessionHandler, None),
            route(r"/users", users.UsersHandler, None),
            route(r"/users/me", users.MeHandler, services.account_deletion),
            route(r"/users/me/avatar", avatars.AvatarHandler, services.files),
            route(r"/users/me/settings", user_settings.SettingsHandler, services.user_settings),
            route(r"/users/me/export", data_export.ExportHandler, services.data_export),
            route(r"/users/me/blocks", user_blocks.BlocksHandler, services.blocks),
            route(rf"/users/me/blocks/{ID}", user_blocks.OneBlockHandler, services.blocks),
            route(rf"/users/{ID}", users.UserHandler, None),
            route(r"/rooms", rooms.RoomsHandler, services.rooms),
            route(r"/rooms/direct", rooms.DirectHandler, services.rooms),
            route(rf"/rooms/{ID}", rooms.OneRoomHandler, services.rooms),
            route(rf"/rooms/{ID}/join", rooms.JoinHandler, services.rooms),
            route(rf"/rooms/{ID}/leave", rooms.LeaveHandler, services.rooms),
            route(rf"/rooms/{ID}/members", rooms.MembersHandler, services.rooms),
            route(rf"/rooms/{ID}/invites", invites.InvitesHandler, services.invites),
            route(rf"/rooms/{ID}/invites/{ID}", invites.OneInviteHandler, services.invites),
            route(rf"/rooms/{ID}/invites/.*", SecretNotFound, None),
            route(rf"/invites/{ID}", invites.UseInviteHandler, services.invites),
            route(r"/invites/.*", SecretNotFound, None),
            route(rf"/rooms/{ID}/stats", rooms.StatsHandler, services.rooms),
            route(rf"/rooms/{ID}/changes", rooms.ChangesHandler, services.rooms),
            route(rf"/rooms/{ID}/members/{ID}", moderation.OneMemberHandler, services.moderation),
            route(rf"/rooms/{ID}/bans", moderation.BansHandler, services.moderation),
            route(rf"/rooms/{ID}/bans/{ID}", moderation.OneBanHandler, services.moderation),
            route(rf"/rooms/{ID}/reports", moderation.ReportsHandler, services.moderation),
            route(rf"/messages/{ID}/report", moderation.ReportHandler, services.moderation),
            route(rf"/rooms/{ID}/audit", moderation.AuditHandler, services.moderation),
            route(r"/messages", messages.MessagesHandler, services.messages),
            route(r"/messages/search", search.SearchHandler, services.search),
            route(r"/messages/search/suggest", search.SuggestHandler, services.search),
            route(rf"/messages/{ID}", messages.OneMessageHandler, services.messages),
            route(rf"/messages/{ID}/history", messages.HistoryHandler, services.messages),
            route(rf"/messages/{ID}/thread", messages.ThreadHandler, services.messages),
            route(rf"/messages/{ID}/reactions/{ID}", messages.ReactionHandler, services.messages),
            route(r"/files", files.FilesHandler, services.files),
            route(rf"/files/{ID}", files.OneFileHandler, services.files),
            route(rf"/files/{ID}/thumbnail", files.ThumbnailHandler, services.files),
            route(rf"/rooms/{ID}/bots", bots.BotsHandler, services.bots),
            route(rf"/rooms/{ID}/bots/{ID}", bots.OneBotHandler, services.bots),
            route(rf"/rooms/{ID}/webhooks", webhooks.WebhooksHandler, services.webhooks),
            route(rf"/rooms/{ID}/webhooks/{ID}", webhooks.OneWebhookHandler, services.webhooks),
            route(rf"/hooks/{ID}", webhooks.HookHandler, services.webhooks),
            route(r"/hooks/.*", SecretNotFound, None),
        ],
        default_handler_class=NotFound,
        default_handler_args={"shared": services.shared, "route": "other", "services": None},
        log_function=log_request,
        shares_contexts=not services.shared.spans.exports,  # a span is the context of all that its task does after
    )
    return application


def documented_routes(rows: Iterable[Any]) -> Iterator[Route]:
    """The rows of the route table that have operations: all but /ws, and those that answer 404."""
    for row in rows:
        handler: type[Handler[Any]] = row.target
        if handler.operations:
            yield Route(row.target_kwargs["route"], handler)
