"""/users/me/avatar: one's picture, set by an upload and taken away."""

from __future__ import annotations

from typing import ClassVar

from chat.request_results.people import OwnUserResult
from handlers.documents.operation import FILE_FORM, MULTIPART, Operation
from handlers.uploads import UploadHandler, UploadServices
from limits.load_shedding import ShedClass


class AvatarHandler(UploadHandler[UploadServices]):
    operations: ClassVar = {
        "PUT": Operation(
            summary="Set one's own picture, by an upload of an image",
            other_bodies={MULTIPART: FILE_FORM},
            replies={200: OwnUserResult},
            errors=("unsupported_type", "conflict"),
        ),
        "DELETE": Operation(summary="Take one's own picture away", replies={204: None}),
    }
    upload_method = "PUT"
    sheds: ClassVar = {"PUT": ShedClass.MESSAGES}
    counts_itself = ("PUT",)

    async def put(self) -> None:
        user_id = self.identity.user.id
        async with self.received() as upload:
            file = await self.services.files.add_avatar(user_id, upload)
        self.reply(OwnUserResult(await self.shared.profiles.set_avatar(user_id, file.id)))

    async def delete(self) -> None:
        await self.shared.profiles.set_avatar(self.identity.user.id, None)
        self.reply_nothing()
