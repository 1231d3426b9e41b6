/** Makes the certificates of a cluster; Bouncy Castle is used, and loaded, here alone. */
package dev.godwit.agent.certs;
