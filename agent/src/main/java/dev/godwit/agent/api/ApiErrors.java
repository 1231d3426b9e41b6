package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** What Jetty itself refuses (it is not HTTP, its header is endless), as JSON. */
final class ApiErrors extends ErrorHandler {
    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        int status = response.getStatus();
        String kind = (status < 500 ? Failure.Kind.BAD_INPUT : Failure.Kind.FAILED).text();
        ApiHandler.send(Reply.error(status, kind, HttpStatus.getMessage(status)), response, callback);
        return true;
    }
}
