/**
 * Where each guest page lives, and the one component that changes it: {@link dev.godwit.agent.paging.PageMap} and
 * {@link dev.godwit.agent.paging.Pager}. {@code docs/paging.md} draws the states.
 */
package dev.godwit.agent.paging;
