"""Every figure that ``/metrics`` shows: its name, its labels, what it means. The reference page is made from this table.

Labels have few values: partners of the partner files, states, codes of the error catalogue, roles. Nothing of a message,
a dossier or a person is ever a label.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

PREFIX = "lienthong_"
Kind = Literal["counter", "gauge", "histogram", "info"]

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class Metric(NamedTuple):
    """``counted``: each process counts it by itself and tells the store; the others are read from the store."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    vi: str
    en: str
    counted: bool = False
    buckets: tuple[float, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric(
        "intake",
        "counter",
        ("partner", "code"),
        "yêu cầu gửi thông điệp, theo kết quả: accepted, replayed hoặc mã lỗi",
        "requests with a message by what came of them: accepted, replayed, or an error code",
        counted=True,
    ),
    Metric(
        "intake_seconds",
        "histogram",
        (),
        "từ lúc nhận yêu cầu đến khi đã ghi bền",
        "from the request to its durable acceptance",
        counted=True,
        buckets=QUICK,
    ),
    Metric(
        "attempts",
        "counter",
        ("partner", "verb", "outcome"),
        "lần gửi (deliver) và lần hỏi (find), theo kết quả",
        "sends (deliver) and questions (find) by outcome",
        counted=True,
    ),
    Metric(
        "delivery_seconds",
        "histogram",
        ("partner",),
        "từ khi tiếp nhận đến khi nơi nhận có",
        "from acceptance until the partner has it",
        counted=True,
        buckets=LONG,
    ),
    Metric(
        "leases_lost",
        "counter",
        (),
        "tiến trình chuyển phát hiện việc của nó đã giao cho tiến trình khác",
        "a worker found that its work had been given to another",
        counted=True,
    ),
    Metric(
        "leases_expired",
        "counter",
        ("partner",),
        "lượt được giao lại vì tiến trình giữ nó đã chết hoặc treo",
        "transfers given back because the worker that held them had died or hung",
    ),
    Metric(
        "transfers", "gauge", ("partner", "state"), "số lượt chuyển theo trạng thái", "transfers by state"
    ),
    Metric(
        "blocked",
        "gauge",
        ("partner",),
        "số lượt chờ sau đầu luồng",
        "transfers that wait behind the head of their lane",
    ),
    Metric(
        "oldest_seconds",
        "gauge",
        ("partner",),
        "tuổi của lượt chưa xong cũ nhất",
        "age of the oldest unfinished transfer",
    ),
    Metric(
        "paused", "gauge", ("partner",), "1 khi người vận hành tạm dừng", "1 while a person has paused it"
    ),
    Metric(
        "circuit_open",
        "gauge",
        ("partner",),
        "1 khi ngừng gửi tạm thời, 0,5 khi đang thử gửi một lượt",
        "1 while the circuit is open, 0.5 while it is being tried",
    ),
    Metric(
        "conservation_broken",
        "gauge",
        (),
        "số quy tắc bảo toàn bị vi phạm; phải luôn là 0",
        "rules of conservation that do not hold; must always be 0",
    ),
    Metric(
        "conservation_age_seconds",
        "gauge",
        (),
        "lần kiểm tra toàn bộ gần nhất xong cách đây bao lâu",
        "since the last full check ended",
    ),
    Metric(
        "journal_unchained_seconds",
        "gauge",
        (),
        "tuổi của dòng nhật ký cũ nhất chưa vào chuỗi băm; 0: không có",
        "age of the oldest journal row that is not in the chain; 0: there is none",
    ),
    Metric(
        "journal_unstamped_seconds",
        "gauge",
        (),
        "tuổi của phần nhật ký cũ nhất chưa có giá trị băm chung (và dấu thời gian, nếu khai báo); 0: không có",
        "age of the oldest part of the journal under no digest (and time-stamp, where one is declared); 0: there is none",
    ),
    Metric(
        "collect_age_seconds",
        "gauge",
        ("partner",),
        "bao lâu kể từ lần lấy trọn vẹn gần nhất ở đối tác mà hub tự đến lấy",
        "since the last round that picked up everything, for partners that the hub picks up from",
    ),
    Metric(
        "trust_left_seconds",
        "gauge",
        ("partner",),
        "còn bao lâu nữa thì không chứng thư nào của đối tác được tin; âm: đã hết, thông điệp bị từ chối",
        "until no certificate of a partner may be believed; under 0: it is over, and its messages are refused",
    ),
    Metric(
        "edge_heard_seconds",
        "gauge",
        ("partner",),
        "bao lâu kể từ lần nghe hub cấp dưới gần nhất",
        "since a hub below was last heard",
    ),
    Metric(
        "edge_waiting",
        "gauge",
        ("partner", "way"),
        "số lượt chờ giữa hub này và hub cấp dưới: down (chờ xuống), up (chờ lên, theo báo cáo gần nhất)",
        "what waits between this hub and one below: down, and up as it told last",
    ),
    Metric(
        "edge_version_behind",
        "gauge",
        ("partner",),
        "hub cấp dưới chậm bao nhiêu phiên bản so với phiên bản mới nhất",
        "by how many versions a hub below is behind the newest",
    ),
    Metric("database_bytes", "gauge", (), "cỡ cơ sở dữ liệu", "size of the database"),
    Metric(
        "database_limit_bytes",
        "gauge",
        (),
        "cỡ cơ sở dữ liệu mà vượt thì ngừng tiếp nhận; không có khi không đặt",
        "the size of the database over which intake stops; absent where no bound is set",
    ),
    Metric("log_bytes", "gauge", (), "cỡ tệp WAL của SQLite", "size of SQLite's write-ahead log"),
    Metric(
        "disk_free_bytes",
        "gauge",
        (),
        "chỗ trống trên đĩa chứa thư mục dữ liệu",
        "room on the disk that holds the data folder",
    ),
    Metric(
        "processes",
        "gauge",
        ("role",),
        "tiến trình đang sống, trên mọi máy",
        "living processes, on all machines",
    ),
    Metric(
        "busy",
        "gauge",
        ("role", "what"),
        "đang làm: requests, bytes (tiếp nhận), judging (lô đang kiểm tra), waiting (đang chờ kiểm tra), transfers (đang chuyển)",
        "under way: requests and bytes (intake), judging (batches), waiting (to be judged), transfers (being delivered)",
    ),
    Metric("build", "info", ("version", "engine", "engine_version"), "phiên bản", "versions"),
)
"""In the order of the page."""

BY_NAME = {metric.name: metric for metric in METRICS}
