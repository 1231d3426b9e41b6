package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.godwit.agent.migration.FaultSummary;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.agent.migration.SnapshotReport;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The description says what the code does, no more and no less. */
class OpenApiTest {
    private static final Set<String> METHODS = Set.of("get", "put", "post", "delete", "patch", "head", "options");
    private static JsonNode document;

    @BeforeAll
    static void read() throws IOException {
        try (InputStream in = Routes.class.getResourceAsStream("openapi.yaml")) {
            document = new YAMLMapper().readTree(in);
        }
    }

    @Test
    void describesEveryRouteAndNoOther() {
        Set<String> described = new TreeSet<>();
        document.get("paths")
                .properties()
                .forEach(path -> path.getValue().fieldNames().forEachRemaining(method -> {
                    if (METHODS.contains(method)) {
                        described.add(method.toUpperCase(Locale.ROOT) + " " + path.getKey());
                    }
                }));
        List<Route> routes = new Routes(null, null, null).all();
        assertEquals(
                routes.stream().map(r -> r.method() + " " + r.path()).collect(Collectors.toCollection(TreeSet::new)),
                described);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                ErrorView.class,
                HostView.class,
                StartRequest.class,
                ResumeRequest.class,
                GuestView.class,
                InputView.class,
                HeatRequest.class,
                HeatView.class,
                SnapshotRequest.class,
                SnapshotReport.class,
                RestoreRequest.class,
                MigrateRequest.class,
                MigrationView.class,
                MigrationReport.class,
                MigrationReport.Downtime.class,
                MigrationReport.Round.class,
                MigrationReport.Hot.class,
                MigrationReport.Postcopy.class,
                FaultSummary.class
            })
    void describesEveryFieldAndNoOther(Class<?> type) {
        assertFields(type, document.at("/components/schemas/" + type.getSimpleName()));
    }

    @Test
    void describesTheFieldsOfProgress() {
        assertFields(
                MigrationView.Progress.class, document.at("/components/schemas/MigrationView/properties/progress"));
    }

    @Test
    void pointsOnlyToWhatIsThere() {
        for (JsonNode ref : document.findValues("$ref")) {
            assertEquals(
                    false,
                    document.at(ref.asText().substring(1)).isMissingNode(),
                    () -> ref.asText() + " points to nothing");
        }
    }

    private static void assertFields(Class<?> type, JsonNode schema) {
        Set<String> described = new TreeSet<>();
        Iterator<String> names = schema.path("properties").fieldNames();
        names.forEachRemaining(described::add);
        assertEquals(
                Arrays.stream(type.getRecordComponents())
                        .map(RecordComponent::getName)
                        .collect(Collectors.toCollection(TreeSet::new)),
                described);
    }
}
