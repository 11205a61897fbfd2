"""What the API says of each of its addresses: one row each, with the types that travel there.

``hub.api.described`` makes the document of it; a test holds the rows to the addresses that the app really has.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.edge.calling import STREAM
from connectors.edge.values import Acks, Hello, Lying, Wants
from hub.api import catalogues, coverage, edge_board, edge_versions, figures, problems, token_desk, views
from hub.api.documents import OFFSET_STREAM, Announcement, OwnDocument
from hub.api.mailbox import MOST
from hub.edges.enrolling import Application, Renewed, Welcome
from hub.edges.enrolling import Request as KeyRequest
from hub.figures.report import Report
from hub.receipts import acknowledgements, mailbox, receipts
from hub.reconciling import asking
from hub.registries.catalogues import Document as Catalogue
from hub.replicating.hook import REPORT, VERSIONS
from hub.replicating.manifest import Manifest
from hub.replicating.reports import Report as HubReport
from hub.store.contract.catalogues import Had
from schemas.dossier import Message

if TYPE_CHECKING:
    from collections.abc import Mapping


JSON, XML, BYTES, ANY = "application/json", "application/xml", "application/octet-stream", "*/*"
TEXT: dict[str, Any] = {"type": "string"}
OTHER: dict[str, Any] = {
    "type": "object",
    "description": "Định dạng JSON khác mà tệp của bên gửi khai · Another JSON format that the sender's file declares",
}
CONTENT: dict[str, Any] = {"type": "string", "format": "binary"}
TAGS = {
    "messages": "Gửi thông điệp, xem đã đến đâu · Send messages and see where they are",
    "documents": "Tài liệu theo tham chiếu · Documents by reference",
    "receiving": "Nơi nhận: hộp thư, biên nhận, tải tài liệu · Recipients: mailbox, receipts, downloads",
    "catalogues": "Danh mục được công bố · Catalogues that are published",
    "figures": "Số liệu và báo cáo đã công bố · Figures, and reports that were published",
    "access": "Đăng nhập · Log in",
    "hubs": "Giữa các hub: hub cấp dưới gọi hub cấp trên · Between hubs: a hub below calls the hub above",
    "hub": "Tình trạng hub và danh mục lỗi · The hub's health and the error catalogue",
}


class Parameter(msgspec.Struct, frozen=True):
    """Where it stands, what it is, in two languages; ``required`` where an address has it in its path."""

    place: str
    says: str
    schema: Mapping[str, Any] = MappingProxyType(TEXT)


PARAMETERS: Mapping[str, Parameter] = {
    "id": Parameter("path", "Mã do hub cấp · The id that the hub gave"),
    "transfer": Parameter("path", "Mã lượt chuyển · Id of the transfer"),
    "uid": Parameter("path", "Mã trong địa chỉ tải · The id in a download address"),
    "code": Parameter("path", "Mã hồ sơ của bên gọi, hoặc mã lỗi · The caller's own code of a dossier, or a code of an error"),
    "version": Parameter("path", "Số phiên bản, hoặc `current` · The version's number, or `current`"),
    "after": Parameter("query", "`next` của trang trước · `next` of the page before"),
    "figure": Parameter("path", "Tên số liệu · The figure's name"),
    "from": Parameter("query", "Ngày đầu kỳ, 2017-07-14 · The period's first day"),
    "to": Parameter("query", "Ngày cuối kỳ, tính trọn ngày · The period's last day, whole"),
    "agency": Parameter("query", "Mã cơ quan, kể cả các đơn vị bên dưới · An agency's code, with those below it"),
    "by": Parameter("query", "Gộp theo · One row for each: all, agency, level, procedure, field, channel"),
    "level": Parameter("query", "Chỉ cấp này · This level only"),
    "procedure": Parameter("query", "Chỉ thủ tục này · This procedure only"),
    "field": Parameter("query", "Chỉ lĩnh vực này · This field only"),
    "channel": Parameter("query", "Chỉ kênh này · This channel only"),
    "sha256": Parameter("path", "SHA-256 của tài liệu, dạng hex · The document's SHA-256, in hex"),
    "offset": Parameter("query", "Bắt đầu từ byte nào · The byte to begin at", {"type": "integer", "minimum": 0}),
    "size": Parameter("query", "Cả tài liệu bao nhiêu byte · Bytes of the whole", {"type": "integer", "minimum": 0}),
    "epoch": Parameter("query", "Kỳ đánh số · The epoch of the numbers", {"type": "integer", "minimum": 1}),
    "wait": Parameter("query", "Số giây chờ · Seconds to wait", {"type": "integer", "minimum": 0, "maximum": 60}),
    "limit": Parameter("query", "Số dòng một trang · Rows of a page", {"type": "integer", "minimum": 1, "maximum": MOST}),
    "Idempotency-Key": Parameter(
        "header",
        "Khóa của bên gửi; bắt buộc, trừ khi định dạng có sẵn khóa · The sender's key; required unless its format carries one",
        {"type": "string", "pattern": "^[!-~]{1,200}$"},
    ),
    "Upload-Offset": Parameter("header", "Đã có bao nhiêu byte · How many bytes are here", {"type": "integer", "minimum": 0}),
}  # fmt: skip


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One address and method. ``takes``, ``gives``: media type → a type of ours or a schema; ``headers``: of the answer, with what they say.

    ``open``: for everybody. ``status``: when it went well. ``errors``: refusals that are no problem documents, by status.
    """

    id: str
    tag: str
    says: str
    takes: Mapping[str, Any] = {}
    gives: Mapping[str, Any] = {}
    status: int = 200
    parameters: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    refusals: tuple[int, ...] = (401, 429)
    errors: Mapping[int, Mapping[str, Any]] = {}
    open: bool = False


BETWEEN = (400, 401, 403, 408, 409, 413, 429, 503)
SAYS = (400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
REPLAYED = {"Idempotency-Replayed": "true: đã nói trước đó · it had been said before"}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/messages"): Operation(
        id="sendMessage",
        tag="messages",
        says="Gửi một thông điệp theo định dạng đã khai; 202 khi đã ghi bền · Send a message in the sender's declared format; 202 when it is durable",
        takes={JSON: {"anyOf": [Message, OTHER]}, XML: TEXT},
        gives={JSON: receipts.Receipt},
        status=202,
        parameters=("Idempotency-Key",),
        headers={
            "Location": "Xem thông điệp ở đây · where the message can be looked at",
            receipts.HEADER: "Chữ ký của hub trên biên nhận (JWS tách rời) · the hub's detached JWS over the receipt, where it has a key for that",
            **REPLAYED,
        },
        refusals=SAYS,
    ),
    ("GET", "/v1/messages/{id}"): Operation(
        id="getMessage",
        tag="messages",
        says="Một thông điệp của bên gọi · A message of the caller's own",
        gives={JSON: views.OwnMessage},
        parameters=("id",),
        refusals=(401, 404, 429),
    ),
    ("GET", "/v1/transfers/{id}"): Operation(
        id="getTransfer",
        tag="messages",
        says="Một bản chuyển đang ở đâu · Where one copy of a message stands",
        gives={JSON: views.OwnTransfer},
        parameters=("id",),
        refusals=(401, 404, 429),
    ),
    ("GET", "/v1/dossiers/{code}"): Operation(
        id="getDossier",
        tag="messages",
        says="Thông điệp của bên gọi về một hồ sơ · The caller's own messages about a dossier",
        gives={JSON: views.OwnDossier},
        parameters=("code",),
        refusals=(401, 404, 429),
    ),
    ("POST", "/v1/documents"): Operation(
        id="announceDocument",
        tag="documents",
        says="Báo trước một tài liệu; 201 kèm địa chỉ để tải lên · Announce a document; 201 with the address to bring it to",
        takes={JSON: Announcement},
        gives={JSON: OwnDocument},
        status=201,
        headers={"Location": "Tải lên ở đây · where to bring it"},
        refusals=(400, 401, 403, 408, 413, 415, 422, 429, 503),
    ),
    ("GET", "/v1/documents/{id}"): Operation(
        id="getDocument",
        tag="documents",
        says="Tài liệu đã có bao nhiêu, đã quét chưa, chữ ký gì · How far a document is, whether it is clean, what signed it",
        gives={JSON: OwnDocument},
        parameters=("id",),
        refusals=(401, 404, 429),
    ),
    ("HEAD", "/v1/documents/{id}"): Operation(
        id="whereDocument",
        tag="documents",
        says="Gửi tiếp từ đâu (Upload-Offset) · Where to go on (Upload-Offset)",
        parameters=("id",),
        headers={"Upload-Offset": "Đã có bao nhiêu byte · how many bytes are here"},
        refusals=(401, 404, 429),
    ),
    ("PATCH", "/v1/documents/{id}"): Operation(
        id="bringDocument",
        tag="documents",
        says="Gửi các byte tiếp theo; 204 khi đã ghi bền · Bring the next bytes; 204 when they are durable",
        takes={OFFSET_STREAM: CONTENT},
        status=204,
        parameters=("id", "Upload-Offset"),
        headers={"Upload-Offset": "Đã có bao nhiêu byte · how many bytes are here"},
        refusals=(400, 401, 404, 408, 409, 413, 415, 422, 429, 503),
    ),
    ("DELETE", "/v1/documents/{id}"): Operation(
        id="cancelDocument",
        tag="documents",
        says="Bỏ một tài liệu chưa thông điệp nào dùng · Throw a document away that no message has claimed",
        status=204,
        parameters=("id",),
        refusals=(401, 404, 409, 429),
    ),
    ("GET", "/v1/mailbox"): Operation(
        id="listLetters",
        tag="receiving",
        says="Những gì đang chờ bên gọi, cũ nhất trước · What lies there for the caller, what has lain longest first",
        gives={JSON: mailbox.LetterPage},
        parameters=("after", "limit"),
        refusals=(400, 401, 403, 422, 429),
    ),
    ("GET", "/v1/mailbox/{transfer}"): Operation(
        id="fetchLetter",
        tag="receiving",
        says="Lấy một thư: đúng các byte đã niêm phong · Fetch a letter: the sealed bytes, the same each time",
        gives={ANY: CONTENT},
        parameters=("transfer",),
        headers={"ETag": "SHA-256 của các byte ấy · SHA-256 of these bytes"},
        refusals=(401, 403, 404, 429),
    ),
    ("POST", "/v1/mailbox/{transfer}/acknowledgement"): Operation(
        id="answerLetter",
        tag="receiving",
        says="Đã nhận, hoặc không xử lý được · It is there, or it cannot be processed",
        takes={JSON: mailbox.LetterAnswer},
        gives={JSON: acknowledgements.Answered},
        parameters=("transfer",),
        headers=REPLAYED,
        refusals=(*SAYS, 404),
    ),
    ("POST", "/v1/receipts"): Operation(
        id="sendReceipt",
        tag="receiving",
        says="Biên nhận của nơi nhận cho một lượt chuyển: `key` hoặc `reference` · A recipient's receipt for a transfer: `key` or `reference`",
        takes={JSON: acknowledgements.PartnerReceipt},
        gives={JSON: acknowledgements.Answered},
        headers=REPLAYED,
        refusals=(*SAYS, 404),
    ),
    ("GET", "/f/{uid}"): Operation(
        id="downloadDocument",
        tag="receiving",
        says="Tải một tài liệu theo địa chỉ đã gửi kèm; nhận Range · Download a document by the address that was sent; takes Range",
        gives={ANY: CONTENT},
        parameters=("uid",),
        refusals=(401, 403, 404, 410, 416, 429),
        open=True,
    ),
    ("POST", token_desk.PATH): Operation(
        id="logIn",
        tag="access",
        says="Mã truy cập ngắn hạn (OAuth2 client_credentials) · A token that lives for a while (OAuth2 client_credentials)",
        takes={token_desk.FORM: token_desk.TokenRequest},
        gives={JSON: token_desk.TokenGiven},
        refusals=(400, 401, 408, 413, 429),
        errors={status: {JSON: token_desk.TokenRefused} for status in (400, 401)},
        open=True,
    ),
    ("GET", catalogues.PATH): Operation(
        id="listCatalogues",
        tag="catalogues",
        says="Mọi phiên bản đã công bố · Every version that was published",
        gives={JSON: catalogues.Catalogues},
        refusals=(401, 403, 429),
    ),
    ("GET", f"{catalogues.PATH}/{{id}}/{{version}}"): Operation(
        id="fetchCatalogue",
        tag="catalogues",
        says="Một phiên bản: đúng các byte đã ký · One version: the bytes that were signed",
        gives={JSON: Catalogue},
        parameters=("id", "version"),
        headers={
            "ETag": "SHA-256 của các byte ấy · SHA-256 of these bytes",
            receipts.HEADER: "Chữ ký của hub, JWS tách rời · The hub's signature, a detached JWS",
        },
        refusals=(401, 403, 404, 429),
    ),
    ("POST", f"{catalogues.PATH}/{{id}}/{{version}}/acknowledgement"): Operation(
        id="acknowledgeCatalogue",
        tag="catalogues",
        says="Đang dùng phiên bản này · This version is in use",
        gives={JSON: Had},
        parameters=("id", "version"),
        refusals=(401, 403, 404, 429),
    ),
    ("GET", figures.PATH): Operation(
        id="showFigures",
        tag="figures",
        says="Đếm một kỳ theo định nghĩa đã công bố · Count a period by the published definition",
        gives={JSON: figures.Figures},
        parameters=("from", "to", "agency", "by", "level", "procedure", "field", "channel"),
        refusals=(401, 403, 422, 429),
    ),
    ("GET", f"{figures.PATH}/{{figure}}"): Operation(
        id="openFigure",
        tag="figures",
        says="Hồ sơ hoặc biên lai đứng sau một số liệu · The dossiers or receipts behind a figure",
        gives={JSON: figures.BehindFigure},
        parameters=("figure", "from", "to", "agency", "level", "procedure", "field", "channel"),
        refusals=(401, 403, 422, 429),
    ),
    ("GET", figures.REPORTS): Operation(
        id="listReports",
        tag="figures",
        says="Mọi báo cáo đã công bố · Every report that was published",
        gives={JSON: figures.Reports},
        refusals=(),
        open=True,
    ),
    ("GET", f"{figures.REPORTS}/{{id}}/{{version}}"): Operation(
        id="fetchReport",
        tag="figures",
        says="Một lần công bố: đúng các byte đã ký · One edition: the bytes that were signed",
        gives={JSON: Report},
        parameters=("id", "version"),
        headers={
            "ETag": "SHA-256 của các byte ấy · SHA-256 of these bytes",
            receipts.HEADER: "Chữ ký của hub, JWS tách rời · The hub's signature, a detached JWS",
        },
        refusals=(404,),
        open=True,
    ),
    ("GET", coverage.PATH): Operation(
        id="showCoverage",
        tag="hub",
        says="Cơ quan, thủ tục nào đã công bố, đã kết nối, im lặng, hỏng · Which agency and procedure is published, connected, silent, broken",
        gives={JSON: coverage.Board},
        refusals=(401, 403, 429),
    ),
    ("GET", edge_board.PATH): Operation(
        id="showEdges",
        tag="hub",
        says="Các hub cấp dưới: còn nối không, chờ gì, phiên bản nào · The hubs below: linked or silent, what waits, which version",
        gives={JSON: edge_board.EdgeBoard},
        refusals=(401, 403, 429),
    ),
    ("POST", "/edge/v1/hello"): Operation(
        id="greetHub",
        tag="hubs",
        says="Chào: hai hub nhớ gì về nhau · Greet: what both hubs remember of each other",
        takes={JSON: Hello},
        gives={JSON: Hello},
        refusals=BETWEEN,
    ),
    ("POST", "/edge/v1/summary"): Operation(
        id="compareDay",
        tag="hubs",
        says="Một ngày giữa hai hub: mã băm, hoặc nội dung dưới các nút khác nhau · A day between two hubs: its digest, or what lies below nodes that differ",
        takes={JSON: asking.Question},
        gives={JSON: asking.Summary},
        refusals=BETWEEN,
    ),
    ("POST", "/edge/v1/batches"): Operation(
        id="bringBatches",
        tag="hubs",
        says="Mang các gói đến; gói nào đến trọn vẹn đều được tính · Bring batches; whatever arrived whole counts",
        takes={STREAM: CONTENT},
        gives={JSON: Acks},
        refusals=BETWEEN,
    ),
    ("GET", "/edge/v1/batches"): Operation(
        id="fetchBatches",
        tag="hubs",
        says="Lấy các gói sau gói `after`; chờ tối đa `wait` giây · Fetch the batches behind `after`; waits up to `wait` seconds",
        gives={STREAM: CONTENT},
        parameters=("epoch", "after", "wait"),
        refusals=BETWEEN,
    ),
    ("POST", "/edge/v1/acks"): Operation(
        id="acknowledgeBatches",
        tag="hubs",
        says="Báo đã nhận đến gói nào, mục nào bị từ chối · Say up to where batches were taken in, and what was refused",
        takes={JSON: Acks},
        status=204,
        refusals=BETWEEN,
    ),
    ("GET", "/edge/v1/returns"): Operation(
        id="fetchBack",
        tag="hubs",
        says="Lấy lại các gói bên gọi đã gửi và không còn biết · Fetch back batches that the caller had sent and does not know any more",
        gives={JSON: TEXT},
        parameters=("epoch", "after"),
        refusals=BETWEEN,
    ),
    ("POST", "/edge/v1/returns"): Operation(
        id="giveBack",
        tag="hubs",
        says="Trả lại gói mà hub này đã gửi và không còn biết; rỗng: hết · Give back a batch that this hub had sent and does not know any more; nothing: that was the last",
        takes={JSON: TEXT},
        parameters=("epoch",),
        status=204,
        refusals=BETWEEN,
    ),
    ("POST", "/edge/v1/enroll"): Operation(
        id="enrolHub",
        tag="hubs",
        says="Ghi danh một hub cấp dưới bằng mã dùng một lần · Let a hub below in by its one-time code",
        takes={JSON: Application},
        gives={JSON: Welcome},
        headers={"X-JWS-Signature": "của hub này trên câu trả lời · this hub's, over the answer"},
        refusals=(400, 403, 408, 409, 413, 429, 503),
        open=True,
    ),
    ("POST", "/edge/v1/renew"): Operation(
        id="renewHubKey",
        tag="hubs",
        says="Chứng thực khóa mới của một hub cấp dưới; thân được ký bằng khóa đang dùng, JWS tách rời trong X-JWS-Signature · Certify a further key of a hub below; the body is signed by the key that it has, its detached JWS in X-JWS-Signature",
        takes={JSON: KeyRequest},
        gives={JSON: Renewed},
        headers={"X-JWS-Signature": "của hub này trên câu trả lời · this hub's, over the answer"},
        refusals=BETWEEN,
    ),
    ("GET", "/edge/v1/documents"): Operation(
        id="showWantedDocuments",
        tag="hubs",
        says="Các tài liệu hub này cần mà bên gọi có · The documents that this hub needs and the caller has",
        gives={JSON: Wants},
        refusals=BETWEEN,
    ),
    ("GET", "/edge/v1/documents/{sha256}"): Operation(
        id="fetchDocumentPiece",
        tag="hubs",
        says="Lấy một phần tài liệu theo mã băm, từ `offset` · Fetch a piece of a document by its digest, from `offset` on",
        gives={BYTES: CONTENT},
        parameters=("sha256", "offset"),
        headers={"document-size": "Cả tài liệu bao nhiêu byte · bytes of the whole"},
        refusals=(*BETWEEN, 404),
    ),
    ("PUT", "/edge/v1/documents/{sha256}"): Operation(
        id="bringDocumentPiece",
        tag="hubs",
        says="Mang một phần tài liệu mà hub này cần, từ `offset` · Bring a piece of a document that this hub needs, from `offset` on",
        takes={BYTES: CONTENT},
        gives={JSON: Lying},
        parameters=("sha256", "offset", "size"),
        refusals=(*BETWEEN, 422),
    ),
    ("GET", VERSIONS): Operation(
        id="showVersion",
        tag="hubs",
        says="Phiên bản mới nhất của mọi thứ hub này đưa xuống; 204: chưa có · The newest version of all that this hub gives down; 204: none yet",
        gives={JSON: Manifest},
        headers={receipts.HEADER: "Chữ ký của hub trên đúng các byte ấy, JWS tách rời · The hub's signature over these bytes, a detached JWS"},
        refusals=BETWEEN,
    ),
    ("GET", f"{VERSIONS}/{{sha256}}"): Operation(
        id="fetchVersionFile",
        tag="hubs",
        says="Một tệp của phiên bản mới nhất, theo mã băm · A file of the newest version, by its hash",
        gives={edge_versions.OCTETS: CONTENT},
        parameters=("sha256",),
        refusals=(*BETWEEN, 404),
    ),
    ("POST", REPORT): Operation(
        id="reportHub",
        tag="hubs",
        says="Hub cấp dưới báo tình trạng của mình; báo cáo cuối được giữ · A hub below tells how it is; the last report is kept",
        takes={JSON: HubReport},
        status=204,
        refusals=BETWEEN,
    ),
    ("GET", "/livez"): Operation(
        id="isAlive", tag="hub", says="Tiến trình có trả lời · The process answers", gives={JSON: {"type": "object"}}, refusals=(), open=True
    ),
    ("GET", "/readyz"): Operation(
        id="isReady",
        tag="hub",
        says="Kho ghi được, các tiến trình trả lời · The store can be written, the pool answers",
        gives={JSON: {"type": "object"}},
        refusals=(503,),
        open=True,
    ),
    ("GET", "/errors"): Operation(
        id="listErrors",
        tag="hub",
        says="Danh mục lỗi · The error catalogue",
        gives={JSON: {"type": "array", "items": problems.ErrorEntry}, "text/html": TEXT},
        refusals=(),
        open=True,
    ),
    ("GET", "/errors/{code}"): Operation(
        id="explainError",
        tag="hub",
        says="Giải thích một mã lỗi · Explain one code",
        gives={JSON: problems.ErrorEntry, "text/html": TEXT},
        parameters=("code",),
        refusals=(404,),
        open=True,
    ),
}  # fmt: skip
