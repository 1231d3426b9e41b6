/**
 * Getting a guest started: PVH ELF images (as Xen's PVH and Linux's {@code CONFIG_PVH} define them), the start info
 * they are handed, and the vCPU state at their entry.
 */
package dev.godwit.host.boot;
