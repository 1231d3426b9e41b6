/** What users write (sizes, durations, addresses, the secret) as checked values; every refusal is one line that says what is right. */
package dev.godwit.agent.config;
