/**
 * Devices of a machine: the buses, the serial port, exit and reset, and virtio over MMIO.
 *
 * <p>Devices are called on vCPU threads, lock themselves, and finish each request before they return; a machine whose vCPUs
 * are paused has nothing in flight. Everything a guest writes is hostile: a device answers nonsense with nonsense, not with
 * an exception.
 */
package dev.godwit.host.device;
