/* A bare loader: streams pre-encoded COPY BINARY rows into one table with libpq, as fast as it can. It decodes nothing,
 * checks nothing and acknowledges nothing: the ceiling that Docket is measured against.
 *
 * Usage: copy-loader CONNINFO TABLE COLUMNS FILE ROWS_PER_COMMIT CONNECTIONS REPEATS
 *   FILE holds COPY BINARY tuples without header and trailer. Each connection sends its share of the rows REPEATS times,
 *   ROWS_PER_COMMIT rows a transaction.
 * Prints one JSON object: rows, seconds, cpu_seconds (of this process).
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
static const char trailer[2] = {(char)0xff, (char)0xff};

struct share {
  const char *conninfo, *table, *columns;
  const char *bytes;
  const size_t *row_ends; /* row_ends[i] is where row i ends; row i begins where row i-1 ends */
  size_t first_row, last_row;
  size_t rows_per_commit;
  int repeats;
};

static void fail(const char *what, const char *why) {
  fprintf(stderr, "copy-loader: %s: %s\n", what, why);
  exit(70);
}

static uint32_t big_endian(const char *bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; i++) value = value << 8 | (unsigned char)bytes[i];
  return value;
}

/* Where each row ends. */
static size_t *find_rows(const char *bytes, size_t length, size_t *count) {
  size_t capacity = 1024, rows = 0, at = 0;
  size_t *ends = malloc(capacity * sizeof *ends);
  while (at + 2 <= length) {
    uint32_t fields = big_endian(bytes + at, 2);
    at += 2;
    for (uint32_t i = 0; i < fields; i++) {
      if (at + 4 > length) fail("rows", "the file is cut off");
      int32_t size = (int32_t)big_endian(bytes + at, 4);
      at += 4 + (size > 0 ? (size_t)size : 0);
    }
    if (rows == capacity) ends = realloc(ends, (capacity *= 2) * sizeof *ends);
    ends[rows++] = at;
  }
  if (at != length) fail("rows", "the file is cut off");
  *count = rows;
  return ends;
}

static void put(PGconn *connection, const char *bytes, size_t length) {
  if (PQputCopyData(connection, bytes, (int)length) != 1) fail("COPY", PQerrorMessage(connection));
}

static void copy_rows(PGconn *connection, const char *command, const char *bytes, size_t length) {
  PGresult *result = PQexec(connection, command);
  if (PQresultStatus(result) != PGRES_COPY_IN) fail("COPY", PQerrorMessage(connection));
  PQclear(result);
  put(connection, header, sizeof header);
  for (size_t at = 0; at < length; at += 1 << 20)
    put(connection, bytes + at, length - at < 1 << 20 ? length - at : 1 << 20);
  put(connection, trailer, sizeof trailer);
  if (PQputCopyEnd(connection, NULL) != 1) fail("COPY", PQerrorMessage(connection));
  while ((result = PQgetResult(connection)) != NULL) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("COPY", PQerrorMessage(connection));
    PQclear(result);
  }
}

static void *load(void *argument) {
  const struct share *share = argument;
  PGconn *connection = PQconnectdb(share->conninfo);
  if (PQstatus(connection) != CONNECTION_OK) fail("connect", PQerrorMessage(connection));
  size_t size = strlen(share->table) + strlen(share->columns) + 64;
  char *command = malloc(size);
  snprintf(command, size, "COPY %s (%s) FROM STDIN (FORMAT binary)", share->table, share->columns);
  for (int repeat = 0; repeat < share->repeats; repeat++) {
    for (size_t row = share->first_row; row < share->last_row; row += share->rows_per_commit) {
      size_t end = row + share->rows_per_commit < share->last_row ? row + share->rows_per_commit : share->last_row;
      size_t from = row == 0 ? 0 : share->row_ends[row - 1];
      copy_rows(connection, command, share->bytes + from, share->row_ends[end - 1] - from);
    }
  }
  PQfinish(connection);
  free(command);
  return NULL;
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "cannot be opened");
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*length);
  if (fread(bytes, 1, *length, file) != *length) fail(path, "cannot be read");
  fclose(file);
  return bytes;
}

int main(int count, char **arguments) {
  if (count != 8) {
    fprintf(stderr, "usage: copy-loader CONNINFO TABLE COLUMNS FILE ROWS_PER_COMMIT CONNECTIONS REPEATS\n");
    return 64;
  }
  size_t length, rows;
  char *bytes = read_file(arguments[4], &length);
  size_t *ends = find_rows(bytes, length, &rows);
  size_t rows_per_commit = strtoul(arguments[5], NULL, 10), connections = strtoul(arguments[6], NULL, 10);
  int repeats = atoi(arguments[7]);
  if (rows_per_commit < 1 || connections < 1 || connections > 64 || repeats < 1) fail("arguments", "must be positive");

  struct share shares[64];
  pthread_t threads[64];
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (size_t i = 0; i < connections; i++) {
    shares[i] = (struct share){arguments[1], arguments[2], arguments[3], bytes, ends,
                               rows * i / connections, rows * (i + 1) / connections, rows_per_commit, repeats};
    if (pthread_create(&threads[i], NULL, load, &shares[i]) != 0) fail("thread", "cannot be started");
  }
  for (size_t i = 0; i < connections; i++) pthread_join(threads[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &end);

  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"rows\":%zu,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", rows * (size_t)repeats, seconds, cpu);
  return 0;
}
