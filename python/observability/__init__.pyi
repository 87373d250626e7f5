from collections.abc import Mapping, Sequence
from os import PathLike

from ._obsv import Handler as Handler
from ._obsv import Stats as Stats
from ._obsv import __version__ as __version__
from ._obsv import flush as flush
from ._obsv import shutdown as shutdown
from ._obsv import stats as stats

__all__ = ["Handler", "Stats", "__version__", "flush", "init_observability", "shutdown", "stats"]

def init_observability(
    *,
    # where to
    endpoint: str | None = ...,
    logs_endpoint: str | None = ...,
    protocol: str | None = ...,
    logs_protocol: str | None = ...,
    headers: str | Mapping[str, str] | None = ...,
    headers_file: str | PathLike[str] | None = ...,
    logs_headers: str | Mapping[str, str] | None = ...,
    timeout: int | None = ...,
    logs_timeout: int | None = ...,
    compression: str | None = ...,
    logs_compression: str | None = ...,
    certificate: str | PathLike[str] | None = ...,
    logs_certificate: str | PathLike[str] | None = ...,
    client_certificate: str | PathLike[str] | None = ...,
    logs_client_certificate: str | PathLike[str] | None = ...,
    client_key: str | PathLike[str] | None = ...,
    logs_client_key: str | PathLike[str] | None = ...,
    exporter: str | Sequence[str] | None = ...,
    stdout: str | bool | None = ...,
    sdk_disabled: bool | None = ...,
    # who
    service_name: str | None = ...,
    resource_attributes: str | Mapping[str, object] | None = ...,
    app_name: str | None = ...,
    environment: str | None = ...,
    version: str | None = ...,
    # what
    level: str | int | None = ...,
    code_attributes: bool | None = ...,
    attribute_count_limit: int | None = ...,
    logrecord_attribute_count_limit: int | None = ...,
    attribute_value_length_limit: int | None = ...,
    logrecord_attribute_value_length_limit: int | None = ...,
    # batching and delivery
    schedule_delay: int | None = ...,
    max_export_batch_size: int | None = ...,
    max_queue_size: int | None = ...,
    outbox_bytes: int | str | None = ...,
    retention: int | None = ...,
    stdout_buffer_bytes: int | str | None = ...,
    ring_bytes: int | str | None = ...,
    export_timeout: int | None = ...,
    shutdown_timeout: int | None = ...,
    signals: str | bool | None = ...,
    crash_handler: str | bool | None = ...,
    crash_timeout: int | None = ...,
    # the library itself
    diagnostics_level: str | None = ...,
    config_file: str | PathLike[str] | None = ...,
) -> None: ...
