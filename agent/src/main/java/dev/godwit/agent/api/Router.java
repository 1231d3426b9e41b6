package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.host.boot.ImageException;
import dev.godwit.host.kvm.KvmUnavailableException;
import dev.godwit.host.machine.MachineConfigException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds the route of a request, and turns what goes wrong into an answer of one line. */
final class Router {
    private static final Logger LOG = LoggerFactory.getLogger(Router.class);

    private final List<Route> routes;

    Router(List<Route> routes) {
        this.routes = List.copyOf(routes);
    }

    List<Route> routes() {
        return routes;
    }

    Reply handle(String method, String path, Map<String, String> query, byte[] body) throws InterruptedException {
        List<String> segments;
        try {
            segments = Route.split(path).stream().map(Route::decode).toList();
        } catch (IllegalArgumentException e) {
            return error(Failure.Kind.BAD_INPUT, "the path is not well encoded");
        }
        for (Route route : routes) {
            Optional<Map<String, String>> names = route.match(segments);
            if (names.isPresent() && route.method().equals(method)) {
                return run(route, new Call(names.get(), query, body));
            }
        }
        String allowed = routes.stream()
                .filter(r -> r.match(segments).isPresent())
                .map(Route::method)
                .collect(Collectors.joining(", "));
        return allowed.isEmpty()
                ? Reply.error(
                        404, Failure.Kind.NOT_FOUND.text(), "there is no such path; GET /v1/openapi.yaml lists all")
                : Reply.error(405, Failure.Kind.BAD_INPUT.text(), "this path takes " + allowed)
                        .with(Map.of("Allow", allowed));
    }

    private static Reply run(Route route, Call call) throws InterruptedException {
        try {
            return route.action().handle(call);
        } catch (Failure e) {
            return error(e.kind(), e.getMessage());
        } catch (ImageException | MachineConfigException e) {
            return error(Failure.Kind.BAD_INPUT, e.getMessage());
        } catch (KvmUnavailableException e) {
            return error(Failure.Kind.NOT_CAPABLE, e.getMessage());
        } catch (RuntimeException | Error | java.io.IOException e) {
            LOG.error("{} {}", route.method(), route.path(), e);
            return error(Failure.Kind.FAILED, "defect: " + e);
        }
    }

    private static Reply error(Failure.Kind kind, String message) {
        int status = switch (kind) {
            case BAD_INPUT -> 400;
            case NOT_FOUND -> 404;
            case CONFLICT -> 409;
            case FAILED -> 500;
            case NOT_CAPABLE -> 501;
        };
        return Reply.error(status, kind.text(), message);
    }
}
