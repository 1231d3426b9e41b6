package dev.godwit.agent.api;

/**
 * How to resume.
 *
 * @param force also a guest that is in doubt; default false
 */
public record ResumeRequest(Boolean force) {}
