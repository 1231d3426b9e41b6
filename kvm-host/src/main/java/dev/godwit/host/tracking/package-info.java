/** Which pages of a guest are written: KVM's dirty log and dirty ring behind one interface. */
package dev.godwit.host.tracking;
