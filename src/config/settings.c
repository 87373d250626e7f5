/* settings: the table itself.
 *
 * To add a setting: one identifier in settings.h, one row here, one line in config.c that stores it. The
 * warning, the documentation, `obsv config` and the Python keyword follow.
 *
 * Names, types and most defaults are the OpenTelemetry specification's
 * (configuration/sdk-environment-variables.md, protocol/exporter.md). Where a default differs, the help says
 * why. OBSV_* names are ours.
 */
#include "config/settings.h"

#define WHERE   "Where records go"
#define WHO     "Who sends them"
#define WHAT    "What is recorded"
#define BATCH   "Batching, buffers and deadlines"
#define LIBRARY "The library itself"

#define MS_MAX INT32_MAX /* spec: configuration/common.md, Integer: at least 0 to 2^31-1 */
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)

#define FOR_LOGS(general) "The same for logs alone; used instead of `" general "`, not in addition to it."

const struct obsvi_setting obsvi_settings[] = {
    [OBSVI_SET_ENDPOINT] =
        {
            .name = "OTEL_EXPORTER_OTLP_ENDPOINT",
            .keyword = "endpoint",
            .group = WHERE,
            .kind = OBSVI_KIND_URL,
            .help =
                "Base URL of the OTLP/HTTP receiver; `v1/logs` is appended after exactly one slash, so "
                "Grafana Cloud's `https://otlp-gateway-<zone>.grafana.net/otlp` becomes `…/otlp/v1/logs`. "
                "`http` or `https`; without a port, 80 or 443. A query stays, a fragment is dropped, a user "
                "and password in it are dropped with a warning (use `OTEL_EXPORTER_OTLP_HEADERS`). Unset: "
                "nothing is exported, and the start-up line says so; the specification's default, "
                "`http://localhost:4318`, would make every machine without a receiver retry for ever.",
        },
    [OBSVI_SET_LOGS_ENDPOINT] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            .keyword = "logs_endpoint",
            .group = WHERE,
            .kind = OBSVI_KIND_URL,
            .help = "Exact URL for logs, used as it is: nothing is appended. Only a URL without any path "
                    "gets `/`. Wins over `OTEL_EXPORTER_OTLP_ENDPOINT`.",
        },
    [OBSVI_SET_PROTOCOL] =
        {
            .name = "OTEL_EXPORTER_OTLP_PROTOCOL",
            .keyword = "protocol",
            .group = WHERE,
            .kind = OBSVI_KIND_CHOICE,
            .default_text = "http/protobuf",
            .choices = "http/protobuf|http/json|grpc",
            .help = "Encoding of the requests. `grpc` is recognised only to be refused: nothing is exported "
                    "then, and a warning names the alternative, `http/protobuf` at the receiver's HTTP port "
                    "(usually 4318, where gRPC has 4317).",
        },
    [OBSVI_SET_LOGS_PROTOCOL] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
            .keyword = "logs_protocol",
            .group = WHERE,
            .kind = OBSVI_KIND_CHOICE,
            .choices = "http/protobuf|http/json|grpc",
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_PROTOCOL"),
        },
    [OBSVI_SET_HEADERS] =
        {
            .name = "OTEL_EXPORTER_OTLP_HEADERS",
            .keyword = "headers",
            .group = WHERE,
            .kind = OBSVI_KIND_PAIRS,
            .is_secret = true,
            .help =
                "Request headers, `key=value,key=value`. Both `Authorization=Basic abc==` and "
                "`Authorization=Basic%20abc==` work: a value without spaces is percent-decoded (`+` stays "
                "`+`), one with spaces is taken as it is. A bad entry is skipped with a warning that never "
                "shows its value. `content-type`, `content-length`, `content-encoding`, `transfer-encoding`, "
                "`host`, `user-agent`, `connection` and `expect` are the library's own and skipped. "
                "Credentials are never sent over plain `http://` to another machine: export then stays off.",
        },
    [OBSVI_SET_LOGS_HEADERS] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
            .keyword = "logs_headers",
            .group = WHERE,
            .kind = OBSVI_KIND_PAIRS,
            .is_secret = true,
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_HEADERS"),
        },
    [OBSVI_SET_HEADERS_FILE] =
        {
            .name = "OBSV_OTLP_HEADERS_FILE",
            .keyword = "headers_file",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = "A file that holds the headers, in the form of `OTEL_EXPORTER_OTLP_HEADERS` or one a "
                    "line: a Docker "
                    "or Kubernetes secret. It wins over the variables, and is read again when the receiver "
                    "answers "
                    "401 or 403, so that a token that was exchanged heals without a restart.",
        },
    [OBSVI_SET_TIMEOUT] =
        {
            .name = "OTEL_EXPORTER_OTLP_TIMEOUT",
            .keyword = "timeout",
            .group = WHERE,
            .kind = OBSVI_KIND_TIMEOUT,
            .default_text = "10000",
            .max = MS_MAX,
            .help = "Longest time for one request, in milliseconds (some libraries read seconds here; a "
                    "value below 100 gives a warning). 0 is no limit.",
        },
    [OBSVI_SET_LOGS_TIMEOUT] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
            .keyword = "logs_timeout",
            .group = WHERE,
            .kind = OBSVI_KIND_TIMEOUT,
            .max = MS_MAX,
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_TIMEOUT"),
        },
    [OBSVI_SET_COMPRESSION] =
        {
            .name = "OTEL_EXPORTER_OTLP_COMPRESSION",
            .keyword = "compression",
            .group = WHERE,
            .kind = OBSVI_KIND_CHOICE,
            .default_text = "gzip",
            .choices = "gzip|none",
            .help = "Compression of the request body. The specification leaves the default open; log records "
                    "shrink well, and Grafana Cloud, Alloy and the Collector all accept gzip.",
        },
    [OBSVI_SET_LOGS_COMPRESSION] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
            .keyword = "logs_compression",
            .group = WHERE,
            .kind = OBSVI_KIND_CHOICE,
            .choices = "gzip|none",
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_COMPRESSION"),
        },
    [OBSVI_SET_CERTIFICATE] =
        {
            .name = "OTEL_EXPORTER_OTLP_CERTIFICATE",
            .keyword = "certificate",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = "PEM file with the authorities that the receiver's certificate is verified against, "
                    "instead of the system's.",
        },
    [OBSVI_SET_LOGS_CERTIFICATE] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
            .keyword = "logs_certificate",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_CERTIFICATE"),
        },
    [OBSVI_SET_CLIENT_CERTIFICATE] =
        {
            .name = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            .keyword = "client_certificate",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = "PEM file with the certificate (chain) that this client shows to the receiver, for "
                    "mutual TLS.",
        },
    [OBSVI_SET_LOGS_CLIENT_CERTIFICATE] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE",
            .keyword = "logs_client_certificate",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        },
    [OBSVI_SET_CLIENT_KEY] =
        {
            .name = "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            .keyword = "client_key",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = "PEM file with the private key of the client certificate.",
        },
    [OBSVI_SET_LOGS_CLIENT_KEY] =
        {
            .name = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
            .keyword = "logs_client_key",
            .group = WHERE,
            .kind = OBSVI_KIND_PATH,
            .help = FOR_LOGS("OTEL_EXPORTER_OTLP_CLIENT_KEY"),
        },
    [OBSVI_SET_EXPORTER] =
        {
            .name = "OTEL_LOGS_EXPORTER",
            .keyword = "exporter",
            .group = WHERE,
            .kind = OBSVI_KIND_LIST,
            .default_text = "otlp",
            .choices = "otlp|console|none",
            .help = "Comma list. Without `otlp`, or with `none`, nothing is exported. `console` is the JSON "
                    "on stdout, which is on anyway: only `OBSV_STDOUT` switches it off.",
        },
    [OBSVI_SET_STDOUT] =
        {
            .name = "OBSV_STDOUT",
            .keyword = "stdout",
            .group = WHERE,
            .kind = OBSVI_KIND_CHOICE,
            .default_text = "on",
            .choices = "on|off|true|false",
            .help = "Whether each record is also written to stdout as one line of JSON.",
        },
    [OBSVI_SET_SDK_DISABLED] =
        {
            .name = "OTEL_SDK_DISABLED",
            .keyword = "sdk_disabled",
            .group = WHERE,
            .kind = OBSVI_KIND_BOOLEAN,
            .default_text = "false",
            .help = "`true`: nothing is exported. JSON on stdout stays, for it is the service's own log.",
        },
    [OBSVI_SET_SERVICE_NAME] =
        {
            .name = "OTEL_SERVICE_NAME",
            .keyword = "service_name",
            .group = WHO,
            .kind = OBSVI_KIND_TEXT,
            .help =
                "`service.name`, the label by which Loki finds the service. Wins over `service.name` in "
                "`OTEL_RESOURCE_ATTRIBUTES`, which wins over `APP_NAME`. None of them: `unknown_service:` "
                "and the name of the executable (for a Python service that is the interpreter's).",
        },
    [OBSVI_SET_RESOURCE_ATTRIBUTES] =
        {
            .name = "OTEL_RESOURCE_ATTRIBUTES",
            .keyword = "resource_attributes",
            .group = WHO,
            .kind = OBSVI_KIND_PAIRS,
            .help =
                "Attributes of the service, `key=value,key=value`. A `,`, `=` or `%` inside a key or "
                "value is written `%2C`, `%3D`, `%25`. One error discards the whole value, as the "
                "specification asks. Of two equal keys the last wins. `telemetry.sdk.*` are the "
                "library's own. There is no `service.instance.id` unless it is given here: in Loki it is "
                "a label, so a random one would be a new stream at each restart. What Loki would refuse "
                "every "
                "record for is mended, with a warning: a key without an ASCII letter or digit gets a name "
                "made from its bytes; of more than 15 labels the rest is left out, and so is what does "
                "not fit on a line of Loki of which half is kept for the record's own attributes. A key "
                "that would replace what a record says of itself (`level`, `trace_id`) gets `extra_` in "
                "front.",
        },
    [OBSVI_SET_APP_NAME] =
        {
            .name = "APP_NAME",
            .keyword = "app_name",
            .group = WHO,
            .kind = OBSVI_KIND_TEXT,
            .help = "The service's name where the standard variables do not give one.",
        },
    [OBSVI_SET_APP_ENV] =
        {
            .name = "APP_ENV",
            .keyword = "environment",
            .group = WHO,
            .kind = OBSVI_KIND_TEXT,
            .help =
                "Fills `deployment.environment.name` (`production`, `staging`, `test`, `development`) unless "
                "it or `deployment.environment` is among the resource attributes; `env` in the JSON line.",
        },
    [OBSVI_SET_APP_VERSION] =
        {
            .name = "APP_VERSION",
            .keyword = "version",
            .group = WHO,
            .kind = OBSVI_KIND_TEXT,
            .help = "Fills `service.version` unless it is among the resource attributes; `version` in the "
                    "JSON line.",
        },
    [OBSVI_SET_LEVEL] =
        {
            .name = "LOG_LEVEL",
            .keyword = "level",
            .group = WHAT,
            .kind = OBSVI_KIND_LEVEL,
            .default_text = "INFO",
            .max = 1000000,
            .help =
                "Records below it are not recorded. `NOTSET`, `TRACE` (5), `DEBUG` (10), `INFO` (20), `WARN` "
                "or `WARNING` (30), `ERROR` (40), `FATAL` or `CRITICAL` (50), in any case, or a number.",
        },
    [OBSVI_SET_CODE_ATTRIBUTES] =
        {
            .name = "OBSV_CODE_ATTRIBUTES",
            .keyword = "code_attributes",
            .group = WHAT,
            .kind = OBSVI_KIND_BOOLEAN,
            .default_text = "false",
            .help = "`true`: each record carries its source location (`code.file.path`, `code.line.number`, "
                    "`code.function.name`).",
        },
    [OBSVI_SET_ATTR_COUNT_LIMIT] =
        {
            .name = "OTEL_ATTRIBUTE_COUNT_LIMIT",
            .keyword = "attribute_count_limit",
            .group = WHAT,
            .kind = OBSVI_KIND_INTEGER,
            .default_text = "128",
            .max = INT32_MAX,
            .help = "Top-level attributes of a record; further ones are left out and counted in the record. "
                    "Whatever it says, an exported record stays below the 128 entries of structured metadata "
                    "that Loki accepts.",
        },
    [OBSVI_SET_LOG_ATTR_COUNT_LIMIT] =
        {
            .name = "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
            .keyword = "logrecord_attribute_count_limit",
            .group = WHAT,
            .kind = OBSVI_KIND_INTEGER,
            .max = INT32_MAX,
            .help = FOR_LOGS("OTEL_ATTRIBUTE_COUNT_LIMIT"),
        },
    [OBSVI_SET_ATTR_LENGTH_LIMIT] =
        {
            .name = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            .keyword = "attribute_value_length_limit",
            .group = WHAT,
            .kind = OBSVI_KIND_INTEGER,
            .max = INT32_MAX,
            .help = "Longest attribute value, in characters of a string or bytes of a byte array; longer "
                    "ones are cut. Does not apply to the message. Unset: no limit but Loki's, below which "
                    "every record is kept.",
        },
    [OBSVI_SET_LOG_ATTR_LENGTH_LIMIT] =
        {
            .name = "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            .keyword = "logrecord_attribute_value_length_limit",
            .group = WHAT,
            .kind = OBSVI_KIND_INTEGER,
            .max = INT32_MAX,
            .help = FOR_LOGS("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        },
    [OBSVI_SET_SCHEDULE_DELAY] =
        {
            .name = "OTEL_BLRP_SCHEDULE_DELAY",
            .keyword = "schedule_delay",
            .group = BATCH,
            .kind = OBSVI_KIND_DURATION,
            .default_text = "200",
            .max = MS_MAX,
            .help = "Age in milliseconds at which a batch is sent even if it is not full. The "
                    "specification's default is 1000; ours is shorter because a `SIGKILL` or a crash loses "
                    "what is younger than this, and one small request more per second costs next to nothing.",
        },
    [OBSVI_SET_MAX_EXPORT_BATCH_SIZE] =
        {
            .name = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
            .keyword = "max_export_batch_size",
            .group = BATCH,
            .kind = OBSVI_KIND_INTEGER,
            .default_text = "512",
            .min = 1,
            .max = INT32_MAX,
            .help = "Records in one request at most; never more than `OTEL_BLRP_MAX_QUEUE_SIZE`. A batch is "
                    "also closed by its size in bytes and by its age.",
        },
    [OBSVI_SET_MAX_QUEUE_SIZE] =
        {
            .name = "OTEL_BLRP_MAX_QUEUE_SIZE",
            .keyword = "max_queue_size",
            .group = BATCH,
            .kind = OBSVI_KIND_INTEGER,
            .min = 1,
            .max = INT32_MAX,
            .help = "Records held for export at most. Unset: bounded by `OBSV_OUTBOX_BYTES` alone. The "
                    "specification's default, 2048 records, is an outage of two seconds at 1,000 records a "
                    "second; memory is what has to be bounded, so bytes are what is counted.",
        },
    [OBSVI_SET_OUTBOX_BYTES] =
        {
            .name = "OBSV_OUTBOX_BYTES",
            .keyword = "outbox_bytes",
            .group = BATCH,
            .kind = OBSVI_KIND_BYTES,
            .default_text = "32MiB",
            .min = 64 * KIB,
            .max = 64 * GIB,
            .help = "Memory for batches that the receiver has not acknowledged yet, as they are sent "
                    "(compressed). It decides how long an outage is survived without loss.",
        },
    [OBSVI_SET_RETENTION] =
        {
            .name = "OBSV_RETENTION",
            .keyword = "retention",
            .group = BATCH,
            .kind = OBSVI_KIND_DURATION,
            .default_text = "86400000",
            .min = 1000,
            .max = MS_MAX,
            .help = "How long a batch is tried to be delivered, in milliseconds; then it is dropped and "
                    "counted. The "
                    "default is 24 hours. Loki's own default refuses what is older than a week.",
        },
    [OBSVI_SET_STDOUT_BUFFER_BYTES] =
        {
            .name = "OBSV_STDOUT_BUFFER_BYTES",
            .keyword = "stdout_buffer_bytes",
            .group = BATCH,
            .kind = OBSVI_KIND_BYTES,
            .default_text = "1MiB",
            .min = 64 * KIB,
            .max = GIB,
            .help = "Memory for JSON lines that stdout's reader has not taken yet. When it is full, lines "
                    "are dropped and counted; export goes on.",
        },
    [OBSVI_SET_RING_BYTES] =
        {
            .name = "OBSV_RING_BYTES",
            .keyword = "ring_bytes",
            .group = BATCH,
            .kind = OBSVI_KIND_BYTES,
            .default_text = "1MiB",
            .min = 512 * KIB,
            .max = 64 * MIB,
            .is_power_of_two = true,
            .help = "Memory of each thread that logs, for records that the shipper has not taken yet; a "
                    "power of two. The least, 512KiB, holds the largest record (256 KiB) twice. It decides "
                    "how large a burst is taken without loss.",
        },
    [OBSVI_SET_EXPORT_TIMEOUT] =
        {
            .name = "OTEL_BLRP_EXPORT_TIMEOUT",
            .keyword = "export_timeout",
            .group = BATCH,
            .kind = OBSVI_KIND_TIMEOUT,
            .default_text = "30000",
            .max = MS_MAX,
            .help = "Deadline of `flush()` where the call gives none, in milliseconds. 0 is no limit. A "
                    "single request has its own, `OTEL_EXPORTER_OTLP_TIMEOUT`.",
        },
    [OBSVI_SET_SHUTDOWN_TIMEOUT] =
        {
            .name = "OBSV_SHUTDOWN_TIMEOUT",
            .keyword = "shutdown_timeout",
            .group = BATCH,
            .kind = OBSVI_KIND_DURATION,
            .default_text = "3000",
            .max = MS_MAX,
            .help = "Hard deadline of `shutdown()` and of the end of the process, in milliseconds; what is "
                    "not delivered by then is dropped and counted. 0 does not wait at all.",
        },
    [OBSVI_SET_SIGNALS] =
        {
            .name = "OBSV_SIGNALS",
            .keyword = "signals",
            .group = LIBRARY,
            .kind = OBSVI_KIND_CHOICE,
            .default_text = "on",
            .choices = "on|off|true|false",
            .help = "`on`: a `SIGTERM`, `SIGINT` or `SIGHUP` that nobody handles still ends the process, but "
                    "only after what was logged has been delivered, within `OBSV_SHUTDOWN_TIMEOUT`; a second "
                    "one ends it at once. A signal that the program handles or ignores is never touched. See "
                    "[PROCESS.md](PROCESS.md).",
        },
    [OBSVI_SET_CRASH_HANDLER] =
        {
            .name = "OBSV_CRASH_HANDLER",
            .keyword = "crash_handler",
            .group = LIBRARY,
            .kind = OBSVI_KIND_CHOICE,
            .default_text = "on",
            .choices = "on|off|true|false",
            .help =
                "`on`: at `SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL` and `SIGABRT` the record "
                "`process_crashed` is added and everything logged before is delivered, within "
                "`OBSV_CRASH_TIMEOUT`; then the crash takes its usual way (other handlers, core dump, exit "
                "status). `off` for a host that handles such signals as a matter of course (a JVM).",
        },
    [OBSVI_SET_CRASH_TIMEOUT] =
        {
            .name = "OBSV_CRASH_TIMEOUT",
            .keyword = "crash_timeout",
            .group = LIBRARY,
            .kind = OBSVI_KIND_DURATION,
            .default_text = "2000",
            .max = MS_MAX,
            .help = "Longest time for which a crash is held up to deliver what was logged, in milliseconds.",
        },
    [OBSVI_SET_DIAGNOSTICS_LEVEL] =
        {
            .name = "OTEL_LOG_LEVEL",
            .keyword = "diagnostics_level",
            .group = LIBRARY,
            .kind = OBSVI_KIND_CHOICE,
            .default_text = "info",
            .choices = "none|error|warn|warning|info|debug",
            .help = "Which of the library's own messages appear on stderr. Not the level of the service's "
                    "records: that is `LOG_LEVEL`.",
        },
    [OBSVI_SET_CONFIG_FILE] =
        {
            .name = "OTEL_CONFIG_FILE",
            .keyword = "config_file",
            .group = LIBRARY,
            .kind = OBSVI_KIND_PATH,
            .help = "Declarative configuration is not supported: a warning says that the variables on this "
                    "page are used.",
        },
};

const size_t obsvi_settings_count = sizeof obsvi_settings / sizeof *obsvi_settings;
_Static_assert(sizeof obsvi_settings / sizeof *obsvi_settings == OBSVI_SET_COUNT,
               "one row for each identifier");
