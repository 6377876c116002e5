import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * A server that speaks MongoDB's wire protocol, for the tests: `Launcher PORT [FILE]`, in memory or kept in FILE.
 * It announces the version that PyMongo asks for at least; what it can do is enough for what the store uses.
 */
public final class Launcher {
    private enum Announced implements MongoVersion {
        FIVE;

        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    public static void main(String[] arguments) {
        var backend = arguments.length > 1 ? new H2Backend(arguments[1]) : new MemoryBackend();
        var server = new MongoServer(backend.version(Announced.FIVE));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        System.out.println("ready");
    }
}
