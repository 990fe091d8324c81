// The PCI devices of the node, in sysfs: which the resident process may bind to drivers and move.
// Source: Linux Documentation/ABI/testing/sysfs-bus-pci; Documentation/PCI/pci-iov-howto.rst (`physfn`).
#ifndef DEVICES_H
#define DEVICES_H

#include "rights.h"

/** Is the device a VF, or one that the installer allows? */
bool may_touch_device(const Rights *rights, const char *address, size_t length);
/** The same of the device that `dir/name` in sysfs belongs to, such as /sys/class/net/ens1f0v1. */
bool may_touch_device_of(const Rights *rights, const char *dir, const char *name);
bool is_sysfs_readable(const char *path);
/** May the value be written to the file: a driver named to a device, a device taken from a driver, or offered to all? */
bool may_set(const Rights *rights, const char *path, const uint8_t *value, size_t length);

#endif
