/*
 * Clocks, processor time, latency samples, and the report: one JSON object on standard output. Processor time is taken
 * at both ends of the measured window for us, for the server, and for the whole machine, so that a run in which
 * somebody else was busy can be told. All latencies are kept and sorted: there is no histogram to be inexact.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

static uint64_t *samples;
static size_t sample_count, sample_room;

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static double process_seconds(long pid) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file || !fgets(line, sizeof line, file)) fail("the server's processor time can't be read; is it still running?");
  fclose(file);
  unsigned long user, system;
  /* The name in brackets may hold anything; twelve fields after it come the two we want. */
  const char *after = strrchr(line, ')');
  if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
    fail("the server's processor time can't be read");
  }
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double server_seconds(void) {
  double sum = 0;
  char *next = (char *)config.server_pids;
  if (!next) fail("arguments are missing");
  for (;; next++) {
    sum += process_seconds(strtol(next, &next, 10));
    if (*next != '+') return sum;
  }
}

/* Time that any processor was busy or taken away by the host. */
static double everybody_seconds(void) {
  unsigned long user = 0, nice = 0, system = 0, irq = 0, softirq = 0, steal = 0;
  FILE *file = fopen("/proc/stat", "r");
  if (!file) return 0;
  int got = fscanf(file, "cpu %lu %lu %lu %*u %*u %lu %lu %lu", &user, &nice, &system, &irq, &softirq, &steal);
  fclose(file);
  return got == 6 ? (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK) : 0;
}

struct usage usage_now(void) {
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  struct usage usage = {.at = (double)now_ns() / 1e9, .generator = seconds_of(own.ru_utime) + seconds_of(own.ru_stime)};
  usage.server = server_seconds();
  usage.everybody = everybody_seconds();
  return usage;
}

void sample_add(uint64_t ns) {
  if (sample_count == sample_room) {
    sample_room = sample_room ? sample_room * 2 : 65536;
    samples = realloc(samples, sample_room * sizeof *samples);
    if (!samples) fail("out of memory");
  }
  samples[sample_count++] = ns;
}

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static double quantile_us(double q) {
  if (sample_count == 0) return 0;
  size_t rank = (size_t)(q * (double)sample_count);
  return (double)samples[rank < sample_count ? rank : sample_count - 1] / 1e3;
}

void report(const struct usage *from, const struct usage *to, uint64_t delivered_in_window, int drained) {
  double seconds = to->at - from->at;
  double generator = to->generator - from->generator, server = to->server - from->server;
  double others = to->everybody - from->everybody - generator - server;
  if (sample_count > 0) qsort(samples, sample_count, sizeof *samples, by_size);
  printf("{\"seconds\":%.6f,\"deliveries\":%llu,\"expected\":%llu,", seconds, (unsigned long long)delivered_in_window,
         (unsigned long long)totals.expected);
  printf("\"published\":%llu,\"delivered\":%llu,\"lost\":%llu,\"doubled\":%llu,\"stray\":%llu,\"drained\":%s,",
         (unsigned long long)totals.published, (unsigned long long)totals.delivered, (unsigned long long)totals.lost,
         (unsigned long long)totals.doubled, (unsigned long long)totals.stray, drained ? "true" : "false");
  printf("\"generatorCpu\":%.4f,\"serverCpu\":%.4f,\"othersCpu\":%.4f,", generator / seconds, server / seconds,
         others > 0 ? others / seconds : 0);
  printf("\"samples\":%zu,\"p50us\":%.1f,\"p99us\":%.1f,\"p999us\":%.1f,\"maxUs\":%.1f}\n", sample_count, quantile_us(0.5),
         quantile_us(0.99), quantile_us(0.999), quantile_us(1));
}
