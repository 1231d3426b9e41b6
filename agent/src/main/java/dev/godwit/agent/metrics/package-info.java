/** What an agent counts and times: for Prometheus, and as HdrHistogram logs. */
package dev.godwit.agent.metrics;
