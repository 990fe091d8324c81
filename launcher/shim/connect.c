#define _GNU_SOURCE
#include "connect.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "messages.h"

__attribute__((format(printf, 2, 3))) static enum Reached unusable(char **why, const char *format, ...) {
  va_list values;
  va_start(values, format);
  *why = worded(format, values);
  va_end(values);
  return UNUSABLE;
}

/** Sees that nobody but root has a say in who answers at the socket. */
static enum Reached check_socket(const Rights *rights, char **why) {
  struct stat status;
  char dir[sizeof((struct sockaddr_un *)0)->sun_path];
  const char *slash = strrchr(rights->socket, '/');
  if (strlen(rights->socket) >= sizeof dir)
    return unusable(why, "socket %s: its path is longer than %zu bytes", rights->socket, sizeof dir - 1);
  if (slash == NULL || slash == rights->socket)
    return unusable(why, "socket %s: its path has no directory", rights->socket);
  memcpy(dir, rights->socket, (size_t)(slash - rights->socket));
  dir[slash - rights->socket] = 0;
  if (lstat(dir, &status) < 0) {
    if (errno == ENOENT) return ABSENT;
    return unusable(why, "lstat %s: %s", dir, strerror(errno));
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022) != 0)
    return unusable(why, "socket %s: its directory must belong to root, and nobody else may write to it",
                         rights->socket);
  if (lstat(rights->socket, &status) < 0) {
    if (errno == ENOENT) return ABSENT;
    return unusable(why, "lstat %s: %s", rights->socket, strerror(errno));
  }
  if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return unusable(why, "socket %s: it must be a socket, belong to root, and be closed to others", rights->socket);
  return CONNECTED;
}

/** Says whether the process behind a connection is root's. */
static enum Reached check_peer(const Rights *rights, int server, char **why) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
    return unusable(why, "getsockopt SO_PEERCRED: %s", strerror(errno));
  if (peer.uid != geteuid())
    return unusable(why, "socket %s: the process behind it is not root's", rights->socket);
  return CONNECTED;
}

enum Reached connect_to_resident(const Rights *rights, int *server, char **why) {
  enum Reached checked = check_socket(rights, why);
  if (checked != CONNECTED) return checked;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, rights->socket);
  *server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (*server < 0) return unusable(why, "socket: %s", strerror(errno));
  int error = 0;
  while (connect(*server, (struct sockaddr *)&address, sizeof address) < 0 && (error = errno) == EINTR) error = 0;
  if (error == 0) return check_peer(rights, *server, why);
  close(*server);
  *server = -1;
  if (error == EAGAIN) return FULL;
  return error == ECONNREFUSED || error == ENOENT ? ABSENT
                                                  : unusable(why, "connect %s: %s", rights->socket, strerror(error));
}
