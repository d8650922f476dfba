"""What administrators get wrong: each command, its exit code of sysexits(3), and what its message has to name.

In the arguments and messages {acme} is a tenant, {token} a credential that is good, {spiffe} one without a token, {revoked} one
that isn't good any more, and {folder} a folder for files.
"""

from dataclasses import dataclass

USAGE, DATA, NO_INPUT, UNAVAILABLE, NO_PERMISSION, CONFIGURATION = 64, 65, 66, 69, 77, 78

SLUG = "1 to 63 of a-z 0-9 . _ -"
NO_TENANT = ("there is no tenant 'nobody'", "docket tenant list", "docket tenant add")
NO_CREDENTIAL = ("there is no credential 2000000000", "docket token list")
NAME = "lower case letters, digits and '_', in parts separated by dots"
IN_FILES = "lower-case letters, digits and '_', in parts separated by dots"
OWN_NAMES = ("names that begin with 'docket.'", "'quota.breached'")
SCOPES = "it must be one of publish, query, export, admin, import"


@dataclass(frozen=True)
class Bad:
    """A command that is refused."""

    line: str
    code: int
    names: tuple[str, ...]
    # What a file has that the line names as {file}.
    file: str | None = None

    def __str__(self) -> str:
        """A name for the case."""
        words = self.line if self.file is None else f"{self.line.removesuffix(' {file}')}: {self.names[1]}"
        return words if len(words) <= 80 else f"{words[:60]}… ({len(words)})"


def bad(line: str, code: int, *names: str, file: str | None = None) -> Bad:
    return Bad(line, code, names, file)


TENANTS = [
    bad("tenant add", USAGE, "<slug>", SLUG),
    *(bad(f"tenant add {slug}", USAGE, f"'{slug}'", SLUG, "letter or digit first")
      for slug in ("Acme", ".acme", "a/b", "ä", "a" * 64, "a%b", "good,bad")),
    bad("tenant add {acme}", DATA, "there is a tenant '{acme}' already", "docket tenant set"),
    bad("tenant add new-one {acme}", DATA, "there is a tenant '{acme}' already"),
    bad("tenant add one two --display-name X", USAGE, "--display-name goes with one tenant", "2"),
    bad(f"tenant set {{acme}} --display-name {'x' * 256}", DATA, "256 bytes", "at most 255"),
    bad(f"tenant set {{acme}} --legal-hold on --actor {'x' * 513}", DATA, "actor.id is 513 bytes", "the limit is 512", "shorten"),
    bad("tenant set {acme}", USAGE, "nothing to change", "docket tenant set --help"),
    bad("tenant set {acme} --legal-hold maybe", USAGE, "'maybe'", "--legal-hold", "'on' and 'off'"),
    bad("tenant set {acme} --event-types strict", USAGE, "'strict'", "--event-types", "'enforce', 'observe' or 'open'"),
    bad("tenant set {acme} --clock loose", USAGE, "'loose'", "--clock", "'enforce' and 'observe'"),
    bad("tenant frobnicate", USAGE, "'frobnicate'"),
    bad("tenant list {acme}", USAGE, "'{acme}'"),
    *(bad(f"tenant {line}", DATA, *NO_TENANT)
      for line in ("show nobody", "set nobody --legal-hold on", "suspend nobody", "resume nobody", "close nobody")),
    bad("tenant show \x1b[31mred", DATA, "\\u{1B}[31mred"),
    bad("tenant add \x1b[31mred", USAGE, "\\u{1B}[31mred", SLUG),
    bad(f"tenant show {'x' * 1000}", DATA, f"'{'x' * 64}'"),
    *(bad(f"tenant {line}", USAGE, "<slug>") for line in ("show", "suspend", "resume", "close")),
]  # fmt: skip

# What is refused for its value, with the option and its bounds; a command that sets more sets nothing then.
NUMBERS = [
    *(bad(f"tenant set {{acme}} --display-name changed --{option}={value}", DATA, f"{setting} is {value}", f"from {low} to {high}")
      for option, setting, low, high in (
          ("retention-days", "retention_days", 1, 36500),
          ("clock-ahead-seconds", "max_clock_ahead_seconds", 0, 3155760000),
          ("clock-behind-seconds", "max_clock_behind_seconds", 0, 3155760000),
          ("events-per-second", "quota_events_per_second", 1, 10**12),
          ("bytes-per-second", "quota_bytes_per_second", 1, 10**12),
          ("bytes-per-day", "quota_bytes_per_day", 1, 10**15),
          ("batches-in-flight", "quota_batches_in_flight", 1, 10**6),
          ("burst-seconds", "quota_burst_seconds", 1, 3600),
      ) for value in (low - 1, high + 1)),
    *(bad(f"tenant set {{acme}} --{option} {value}", USAGE, f"'{value}'", f"--{option}", wanted)
      for option, wanted in (
          ("clock-ahead-seconds", "seconds, or 'any'"), ("clock-behind-seconds", "seconds, or 'any'"),
          ("events-per-second", "a number, or 'any'"), ("bytes-per-second", "a number, or 'any'"),
          ("bytes-per-day", "a number, or 'any'"), ("batches-in-flight", "a number, or 'any'"),
      ) for value in ("1e3", "none", "9" * 20)),
    bad("tenant set {acme} --burst-seconds any", USAGE, "'any'", "--burst-seconds", "1 to 3600"),
    bad("tenant set {acme} --retention-days soon", USAGE, "'soon'", "days, or 'inherit'"),
    bad("tenant set {acme} --retention-days forever", USAGE, "a number up to 36500", "--legal-hold on"),
    bad("tenant add new-one --events-per-second 0", DATA, "quota_events_per_second is 0"),
    bad("policy set", USAGE, "nothing to change", "docket policy set --help"),
    *(bad(f"policy set --{option.replace('_', '-')}={value}", USAGE, f"{option} is {value}", f"from {low} to {high}")
      for option, low, high in (
          ("retention_days", 1, 36500), ("segment_rows", 1000, 10**9), ("segment_age_hours", 1, 8760),
          ("replay_window_hours", 1, 8760), ("quarantine_days", 1, 36500), ("quarantine_rows", 0, 10**9),
      ) for value in (low - 1, high + 1)),
    bad("policy set --retention-days inherit", USAGE, "goes with --tenant", "'forever' keeps everything"),
    bad("policy set --legal-hold on", USAGE, "--legal-hold goes with --tenant"),
    bad("policy set --tenant {acme}", USAGE, "--retention-days or --legal-hold"),
    bad("policy set --tenant {acme} --segment-rows 5000", USAGE, "only --retention-days and --legal-hold"),
    bad("policy set --tenant {acme} --retention-days 0", USAGE, "--retention-days is 0", "from 1 to 36500"),
    bad("policy set --tenant {acme} --retention-days forever", USAGE, "a number up to 36500", "--legal-hold on"),
    bad("policy set --tenant nobody --legal-hold on", DATA, *NO_TENANT),
    bad("policy show --tenant nobody", DATA, *NO_TENANT),
]  # fmt: skip

CREDENTIALS = [
    bad("token add --tenant nobody", DATA, *NO_TENANT),
    bad("token add --tenant {acme} --tenant nobody", DATA, *NO_TENANT),
    bad("token add --tenant {acme} --all-tenants", USAGE, "--tenant and --all-tenants exclude each other"),
    bad("token add --scope write", USAGE, "'write'", SCOPES),
    *(bad(f"token add --expires-in={span}", USAGE, f"'{span}'", "--expires-in", "90s, 15m, 24h, 30d")
      for span in ("tomorrow", "-5s", "5", f"{'9' * 20}d", "37000d")),
    bad(f"token add --actor {'x' * 513}", DATA, "actor.id is 513 bytes", "the limit is 512"),
    bad(f"token add --label {'x' * 70_000}", DATA, "the limit is 65536"),
    *(bad(f"{kind} {verb} 2000000000", DATA, *NO_CREDENTIAL)
      for kind, verb in (("token", "show"), ("token", "rotate"), ("token", "revoke"), ("credential", "show"),
                         ("credential", "revoke"))),
    *(bad(f"token {verb} first", USAGE, "'first'", "docket token list") for verb in ("show", "revoke")),
    bad("token show 99999999999", USAGE, "'99999999999'", "docket token list"),
    bad("token revoke", USAGE, "<ids>", "docket token list"),
    bad("token revoke {token} 2000000000", DATA, *NO_CREDENTIAL),
    bad("token revoke {revoked}", DATA, "the credential {revoked} is revoked already", "docket token list --all"),
    bad("token rotate {revoked}", DATA, "the credential {revoked} is revoked already", "docket token list --all"),
    bad("token rotate {spiffe}", DATA, "the credential {spiffe} is of the kind spiffe", "no token to rotate"),
    bad("token rotate {token} --overlap=-1s", USAGE, "'-1s'", "--overlap", "90s, 15m, 24h, 7d"),
    bad("token rotate {token} --expires-in soon", USAGE, "'soon'", "--expires-in"),
    bad("token list --tenant nobody", DATA, *NO_TENANT),
    bad("credential list --tenant nobody", DATA, *NO_TENANT),
    *(bad(f"credential add {flags}".rstrip(), USAGE, "one of --spiffe, --subject, and --jwt-issuer with --jwt-subject")
      for flags in ("", "--spiffe spiffe://a --subject CN=a", "--jwt-issuer a", "--jwt-subject a",
                    "--spiffe spiffe://a --jwt-subject a")),
    bad("credential add --spiffe spiffe://", USAGE, "'spiffe://'", "1 to 255 of a-z 0-9 . _ -"),
    bad("credential add --spiffe spiffe://Acme/a", USAGE, "'spiffe://Acme/a'", "1 to 255 of a-z 0-9 . _ -"),
    bad("credential add --spiffe spiffe://a/../b", USAGE, "'spiffe://a/../b'", "neither empty nor '.' nor '..'"),
    bad(f"credential add --spiffe spiffe://a/{'b' * 2048}", USAGE, "2048 bytes at most"),
    bad("credential add --spiffe {known}", DATA, "the credential {spiffe} is for '{known}' already", "revoke it first"),
    bad("credential add --spiffe spiffe://a/new --tenant nobody", DATA, *NO_TENANT),
    bad("credential add --spiffe spiffe://a/new --scope write", USAGE, "'write'", SCOPES),
    bad("credential add --spiffe spiffe://a/new --expires-in soon", USAGE, "'soon'", "--expires-in"),
    bad("credential add --subject checkout", USAGE, "'checkout'", "TYPE=value", "openssl x509"),
    bad("credential add --subject CN=", USAGE, "'CN='", "neither empty", "openssl x509"),
    bad("credential add --subject CN=a,", USAGE, "'CN=a,'", "TYPE=value"),
    bad(f"credential add --subject CN={'x' * 2046}", USAGE, "1 to 2048 bytes"),
    bad(f"credential add --jwt-issuer {'i' * 513} --jwt-subject a", USAGE, "the claim iss", "1 to 512 bytes"),
    bad(f"credential add --jwt-issuer i --jwt-subject {'s' * 2049}", USAGE, "the claim sub", "1 to 2048 bytes"),
    bad("credential add --jwt-issuer i --jwt-subject a\x7fb", USAGE, "the claim sub", "control character"),
]  # fmt: skip

EVENT_TYPES = [
    bad("event-type add", USAGE, "<names>", NAME),
    *(bad(f"event-type add new.type {name}", USAGE, f"'{name}'", NAME) for name in ("Login", "a..b", ".a", "a-b", "ä")),
    bad(f"event-type add {'a' * 129}", USAGE, "129", "128"),
    *(bad(f"event-type add {name}", USAGE, f"'{name}'", *OWN_NAMES)
      for name in ("docket.tenant.changed", "docket.x", "quota.breached")),
    *(bad(f"event-type {line} --tenant nobody", DATA, *NO_TENANT)
      for line in ("list", "show {known_type}", "apply {folder}/good.json")),
    *(bad(f"event-type add new.type --tenant {slug}", DATA, f"there is no tenant '{slug}'", *NO_TENANT[1:])
      for slug in ("no-one", "No-one")),
    bad("event-type show no.such.type", DATA, "no event type 'no.such.type'", "docket event-type list"),
    bad("event-type show {known_type}", DATA, "'{known_type}' has no definition", "docket event-type apply"),
    *(bad(f"event-type {verb} {{folder}}/nothing.json", NO_INPUT, "nothing.json", "No such file") for verb in ("apply", "test")),
    *(bad(f"event-type {verb} {{folder}}/empty", NO_INPUT, "{folder}/empty", ".json") for verb in ("apply", "test")),
    bad("event-type test {folder}/good.json {folder}/nothing.jsonl", NO_INPUT, "nothing.jsonl", "No such file"),
    # Two good ones and one that isn't: none is applied.
    *(bad(f"event-type {verb} {{folder}}/pack", DATA, "{folder}/pack/3.json", '"Three"', IN_FILES) for verb in ("apply", "test")),
    *(bad(f"event-type {verb} {{folder}}/twice", DATA, "twice/1.json", "twice/2.json", "same.type") for verb in ("apply", "test")),
    bad("event-type apply {folder}/earlier.json", DATA, "{defined}", "in version 2", "this is version 1", "make it version 3"),
    bad("event-type apply {folder}/changed.json", DATA, "{defined}", "in version 2 with another content", "required_fields", "3"),
    bad("event-type apply {folder}/changed.json --dry-run", DATA, "{defined}", "version 2 with another content"),
]  # fmt: skip


def definition(members: str, *names: str) -> list[Bad]:
    """A definition that can't be used, for both commands that read one; they name the file."""
    text = members if members[:1] in ("", "[", "!") else f'{{"name":"new.type","version":1,{members}}}'
    return [bad(f"event-type {verb} {{file}}", DATA, "{file}", *names, file=text.lstrip("!")) for verb in ("apply", "test")]


def property_of(schema: str) -> str:
    return f'"attributes":{{"properties":{{"a":{schema}}}}}'


DEFINITIONS = [
    *definition("", "no JSON object", "byte 0"),
    *definition("[]", "no JSON object", "found an array"),
    *definition('!{"name":"new.type","version":1', "no JSON object", "byte 30"),
    *definition('!{"version":1}', "name is missing", "authz.decision"),
    *definition('!{"name":"New","version":1}', '"New"', IN_FILES),
    *definition(f'!{{"name":"{"a" * 256}","version":1}}', "256 bytes", "255", "shorten"),
    *definition('!{"name":"docket.x","version":1}', '"docket.x"', *OWN_NAMES),
    *definition('!{"name":"new.type"}', "version is missing", "1 for a new type"),
    *definition('!{"name":"new.type","version":0}', "version is 0", "from 1 to 2147483647"),
    *definition('!{"name":"new.type","version":1.5}', "version is 1.5", "from 1 to 2147483647"),
    *definition('"pattern":"x"', "'pattern'", "required_fields, decisions, outcomes"),
    *definition(f'"description":"{"d" * 4097}"', "4097 bytes", "4096", "shorten"),
    *definition(f'"description":"{"d" * 70_000}"', "the limit is 65536", "shorten"),
    *definition('"required_fields":["event_id"]', '"event_id"', "every event has it"),
    *definition('"required_fields":["colour"]', '"colour"', "use one of"),
    *definition('"required_fields":["action","action"]', '"action" twice', "remove one"),
    *definition('"decisions":[]', "decisions is empty", "leave it out"),
    *definition('"outcomes":["maybe"]', '"maybe"', "success, failure, error"),
    *definition('"unknown_attributes":"drop"', '"drop"', '"keep" or "refuse"'),
    *definition('"attributes":{"additionalProperties":false}', "'additionalProperties'", '"unknown_attributes"'),
    *definition('"attributes":{"type":"array"}', "array", "attributes are always an object"),
    *definition('"unknown_attributes":"refuse","attributes":{"required":["a"]}', '"a"', "describe it"),
    *definition(property_of('{"maxLength":-1}'), "attributes/properties/a/maxLength is -1", "from 0 to 2147483647"),
    *definition(property_of('{"minLength":2,"maxLength":1}'), "attributes/properties/a", "2", "1", "no value could pass"),
    *definition(property_of('{"enum":[]}'), "attributes/properties/a/enum", "at least one value"),
    *definition(property_of('{"minimum":2,"maximum":1}'), "attributes/properties/a", "from 2 to 1"),
    *definition(property_of('{"type":"text"}'), "attributes/properties/a", "text", "string"),
    *definition(property_of('{"pattern":"x"}'), "attributes/properties/a has the keyword 'pattern'", "use"),
    *definition(property_of('{"properties":{"a":' * 16 + "{}" + "}}" * 16), "17 levels deep", "the limit is 16", "flatten"),
]  # fmt: skip

ALL = TENANTS + NUMBERS + CREDENTIALS + EVENT_TYPES + DEFINITIONS
