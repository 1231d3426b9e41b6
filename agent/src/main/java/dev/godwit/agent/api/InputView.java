package dev.godwit.agent.api;

/**
 * What became of typed bytes.
 *
 * @param accepted how many the serial port took; the rest has to be typed again later
 */
public record InputView(int accepted) {}
