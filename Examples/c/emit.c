// Emits audit events with Docket's client library, in each of the ways that there are.
//
// Usage: DOCKET_TOKEN=… emit HOST:PORT [JOURNAL-DIRECTORY]
#include <docket.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_COUNT = 1000, TIMEOUT_MS = 30000 };

static void on_rejection(void *context, const docket_rejection *rejection) {
    (void)context;
    fprintf(stderr, "rejected: %s: %s (%s)\n", rejection->field, rejection->reason, rejection->code_name);
}

static void on_log(void *context, int32_t level, const char *line) {
    (void)context;
    fprintf(stderr, "docket[%d]: %s\n", (int)level, line);
}

/// Says what went wrong, and whether anything did.
static int failed(const char *what, const docket_error *error) {
    if (error->status == DOCKET_OK) return 0;
    fprintf(stderr, "emit: %s: %s (%s)\n", what, error->message, docket_status_name(error->status));
    return 1;
}

/// A decision about a secret that `id` wanted to read.
static docket_event decision(const char *id) {
    docket_event event = docket_event_init();
    event.type = "authz.decision";
    event.actor.kind = "user";
    event.actor.id = id;
    event.action = "secrets.read";
    event.resource_type = "secret";
    event.resource_id = "prod/db";
    event.decision = DOCKET_ALLOW;
    event.duration_us = 1250;
    event.has = DOCKET_HAS_DURATION;
    event.attributes = "{\"matched_rule\":\"sre-read\"}";
    return event;
}

static int emit_all(docket_client *client, int has_journal) {
    docket_error error;
    docket_event event = decision("alice");

    // In the background: returns once the event is in the queue.
    for (int index = 0; index < EVENT_COUNT; index++) {
        docket_client_emit(client, &event, &error);
        if (failed("emit", &error)) return 1;
    }
    // As JSON; docs/json.md has the members.
    const char *json =
        "{\"type\":\"authz.decision\",\"occurred_at\":\"2026-03-01T09:30:00Z\",\"actor\":{\"id\":\"bob\"},"
        "\"action\":\"secrets.read\",\"decision\":\"deny\"}";
    docket_client_emit_json(client, json, strlen(json), &error);
    if (failed("emit_json", &error)) return 1;

    // Returns once it is on disk here: it outlives this process.
    if (has_journal) {
        event.actor.id = "carol";
        docket_client_emit_durably(client, &event, TIMEOUT_MS, &error);
        if (failed("emit_durably", &error)) return 1;
    }
    // Returns once the collector has committed it.
    docket_receipt receipt = docket_receipt_init();
    event.actor.id = "dave";
    docket_client_emit_and_wait(client, &event, TIMEOUT_MS, &receipt, &error);
    if (failed("emit_and_wait", &error)) return 1;
    printf("batch %" PRId64 "\n", receipt.batch_id);

    docket_client_flush(client, TIMEOUT_MS, &error);
    return failed("flush", &error);
}

int main(int count, char **arguments) {
    if (count < 2 || count > 3) {
        fprintf(stderr, "usage: DOCKET_TOKEN=... %s HOST:PORT [JOURNAL-DIRECTORY]\n", arguments[0]);
        return 64;
    }
    const char *targets[] = {arguments[1]};
    docket_config config = docket_config_init();
    config.targets = targets;
    config.target_count = 1;
    config.token = getenv("DOCKET_TOKEN");
    config.journal_path = count > 2 ? arguments[2] : NULL;
    config.on_rejection = on_rejection;
    config.on_log = on_log;

    docket_client *client;
    docket_error error;
    docket_client_create(&config, &client, &error);
    if (failed("create", &error)) return 1;
    int code = emit_all(client, config.journal_path != NULL);

    docket_stats stats = docket_stats_init();
    docket_client_close(client, TIMEOUT_MS, &stats, &error);
    if (failed("close", &error)) code = 1;
    printf(
        "committed %" PRId64 ", rejected %" PRId64 ", dropped %" PRId64 ", in the journal %" PRId64 "\n", stats.committed,
        stats.rejected, stats.dropped, stats.journalled);
    return code;
}
