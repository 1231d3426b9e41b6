/** Guests of a few dozen bytes, for tests that need to know every instruction of them. */
package dev.godwit.host.raw;
