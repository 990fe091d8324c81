#define _GNU_SOURCE
#include "devices.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices/"
#define DRIVERS "/sys/bus/pci/drivers/"
#define ADDRESS_LENGTH 12

bool may_touch_device(const Rights *rights, const char *address, size_t length) {
  if (!is_pci_address(address, length)) return false;
  if (is_listed(&rights->devices, address, length)) return true;
  char path[sizeof DEVICES "0000:00:00.0/physfn"];
  snprintf(path, sizeof path, DEVICES "%.*s/physfn", (int)length, address);
  struct stat status;
  return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

bool may_touch_device_of(const Rights *rights, const char *dir, const char *name) {
  char path[256];
  char target[4096];
  int written = snprintf(path, sizeof path, "%s/%s/device", dir, name);
  if (written < 0 || (size_t)written >= sizeof path) return false;
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < ADDRESS_LENGTH + 1) return false;
  const char *address = target + length - ADDRESS_LENGTH;
  return address[-1] == '/' && may_touch_device(rights, address, ADDRESS_LENGTH);
}

bool is_sysfs_readable(const char *path) {
  static const char *const dirs[] = {"/sys/bus/pci", "/sys/class/net", "/sys/class/infiniband",
                                     "/sys/kernel/iommu_groups", "/sys/devices", "/sys/module", NULL};
  for (const char *const *dir = dirs; *dir != NULL; dir++) {
    if (is_below(path, *dir) || strcmp(path, *dir) == 0) return true;
  }
  return false;
}

/** Is it the name of a driver, or a newline, for any driver? */
static bool is_driver(const uint8_t *value, size_t length) {
  if (length == 1 && value[0] == '\n') return true;
  for (size_t index = 0; index < length; index++) {
    if (!isalnum(value[index]) && value[index] != '_' && value[index] != '-') return false;
  }
  return length > 0 && length < 64;
}

bool may_set(const Rights *rights, const char *path, const uint8_t *value, size_t length) {
  if (!is_plain(path)) return false;
  const char *slash = strrchr(path, '/');
  if (is_below(path, "/sys/bus/pci/devices") && strcmp(slash, "/driver_override") == 0) {
    const char *address = path + sizeof DEVICES - 1;
    return slash > address && may_touch_device(rights, address, (size_t)(slash - address)) && is_driver(value, length);
  }
  bool is_probe = strcmp(path, "/sys/bus/pci/drivers_probe") == 0;
  bool is_unbind = false;
  if (is_below(path, "/sys/bus/pci/drivers") && strcmp(slash, "/unbind") == 0) {
    const char *driver = path + sizeof DRIVERS - 1;
    is_unbind = slash > driver && memchr(driver, '/', (size_t)(slash - driver)) == NULL;
  }
  return (is_probe || is_unbind) && may_touch_device(rights, (const char *)value, length);
}
