package dev.godwit.agent;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import org.junit.jupiter.api.Test;

/** The rules of ARCHITECTURE.md, on the classes of all modules that the agent is made of. */
class ArchitectureTest {
    private static final String BINDINGS = "dev.godwit.bindings..";
    private static final String HOST = "dev.godwit.host..";
    private static final String AGENT = "dev.godwit.agent..";
    private static final String IMAGES = "dev.godwit.images..";
    private static final String PERF = "dev.godwit.perf..";

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.godwit");

    private static void check(ArchRule rule) {
        rule.check(CLASSES);
    }

    @Test
    void modulesUseOnlyWhatIsBelowThem() {
        check(noClasses()
                .that()
                .resideInAPackage(BINDINGS)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(HOST, AGENT, IMAGES, PERF));
        check(noClasses()
                .that()
                .resideInAPackage(HOST)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(AGENT, IMAGES, PERF));
        check(noClasses()
                .that()
                .resideInAPackage(AGENT)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(PERF));
    }

    @Test
    void guestImagesStandAlone() {
        check(classes()
                .that()
                .resideInAPackage(IMAGES)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(IMAGES, "java.."));
    }

    @Test
    void theHostStandsOnBindingsAndTheJdk() {
        check(classes()
                .that()
                .resideInAPackage(BINDINGS)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(BINDINGS, "java.."));
        check(classes()
                .that()
                .resideInAPackage(HOST)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(HOST, BINDINGS, "java.."));
    }

    /** A VarHandle is memory order, not a native call, and allowed everywhere. */
    @Test
    void nativeCallsAreMadeInBindingsOnly() {
        check(noClasses()
                .that()
                .resideOutsideOfPackage(BINDINGS)
                .should()
                .dependOnClassesThat()
                .areAssignableTo(Linker.class));
        check(noClasses()
                .that()
                .resideOutsideOfPackage(BINDINGS)
                .should()
                .dependOnClassesThat()
                .areAssignableTo(SymbolLookup.class));
        check(noClasses()
                .that()
                .resideOutsideOfPackage(BINDINGS)
                .should()
                .dependOnClassesThat()
                .areAssignableTo(MethodHandle.class));
    }

    /** The check command asks for every capability by its number; all else goes through the wrappers. */
    @Test
    void generatedCodeIsUsedBelowTheAgent() {
        check(noClasses()
                .that()
                .resideInAPackage(AGENT)
                .and()
                .resideOutsideOfPackage("dev.godwit.agent.check..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.godwit.bindings..gen.."));
    }

    @Test
    void packagesHaveNoCycles() {
        for (String module : new String[] {"bindings", "host", "agent"}) {
            check(slices().matching("dev.godwit." + module + ".(*)..").should().beFreeOfCycles());
        }
    }

    /** host.machine is the only assembler. */
    @Test
    void nothingInTheHostKnowsItsAssembler() {
        check(noClasses()
                .that()
                .resideInAPackage(HOST)
                .and()
                .resideOutsideOfPackage("dev.godwit.host.machine..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.godwit.host.machine.."));
    }

    @Test
    void theLowestPackageOfTheHostKnowsNoOther() {
        check(classes()
                .that()
                .resideInAPackage("dev.godwit.host.kvm..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("dev.godwit.host.kvm..", BINDINGS, "java.."));
    }

    /** They meet in the pager alone. */
    @Test
    void pageStoresDoNotSeeEachOther() {
        String[] stores = {"sharing", "swap", "memoryhost", "blockmap", "nvm", "numa"};
        for (String store : stores) {
            for (String other : stores) {
                if (!other.equals(store)) {
                    check(noClasses()
                            .that()
                            .resideInAPackage("dev.godwit.agent." + store + "..")
                            .should()
                            .dependOnClassesThat()
                            .resideInAPackage("dev.godwit.agent." + other + "..")
                            .allowEmptyShould(true));
                }
            }
        }
    }

    /** Frames and connections are common; who migrates is not a memory host's business. */
    @Test
    void aMemoryHostKnowsNoMigration() {
        check(classes()
                .that()
                .resideInAPackage("dev.godwit.agent.memoryhost..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "dev.godwit.agent.memoryhost..",
                        "dev.godwit.agent.paging..",
                        "dev.godwit.agent.stream..",
                        "dev.godwit.agent.transport..",
                        "dev.godwit.agent.config..",
                        HOST,
                        BINDINGS,
                        "org.slf4j..",
                        "java.."));
    }

    @Test
    void theUserInterfacesAreOnTop() {
        check(noClasses()
                .that()
                .resideInAnyPackage(
                        "dev.godwit.agent.migration..", "dev.godwit.agent.inventory..", "dev.godwit.agent.config..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.godwit.agent.api..", "dev.godwit.agent.cli.."));
    }
}
