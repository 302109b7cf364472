/*
 * A slow link: takes one TCP connection after another, connects each to a port of this machine, and hands on what comes from
 * there at so many bytes per second. Its receive buffer is small and its packets are an Ethernet's, so that what doesn't fit
 * waits at the sender, as it does behind a modem. Says its own port as a line of text.
 *
 *   slowlink <port> <bytes per second>
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RECEIVE_BUFFER = 4096, MAXSEG = 1460, TICK_MS = 20 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int dial(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int size = RECEIVE_BUFFER, segment = MAXSEG;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  struct sockaddr_in address = loopback(port);
  return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static int hand_on(int from, int to, size_t most) {
  static uint8_t buffer[65536];
  ssize_t count = read(from, buffer, most < sizeof buffer ? most : sizeof buffer);
  return count > 0 && write(to, buffer, (size_t)count) == count ? (int)count : -1;
}

static void carry(int client, int server, double rate) {
  double allowance = 0, before = now();
  for (;;) {
    double time = now();
    allowance += (time - before) * rate;
    before = time;
    /* What wasn't used isn't saved up beyond a moment. */
    if (allowance > rate / 10) allowance = rate / 10;
    int may = allowance >= 64;
    struct pollfd ends[2] = {{client, POLLIN, 0}, {server, (short)(may ? POLLIN : 0), 0}};
    if (poll(ends, 2, TICK_MS) < 0) return;
    if (ends[0].revents && hand_on(client, server, 65536) < 0) return;
    if (ends[1].revents & POLLIN) {
      int count = hand_on(server, client, (size_t)allowance);
      if (count < 0) return;
      allowance -= count;
    } else if (ends[1].revents) {
      return;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "slowlink <port> <bytes per second>\n"), 2;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4) < 0) return perror("slowlink"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int client = accept(listener, NULL, NULL);
    int server = client < 0 ? -1 : dial(atoi(argv[1]));
    if (server >= 0) carry(client, server, atof(argv[2]));
    if (server >= 0) close(server);
    if (client >= 0) close(client);
  }
}
