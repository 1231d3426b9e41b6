/** The guests of one agent: by name, with their states, their migrations and what is left of those that went. */
package dev.godwit.agent.inventory;
