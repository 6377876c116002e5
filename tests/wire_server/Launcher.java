import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
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
        var server = new MongoServer(oneByOne(backend.version(Announced.FIVE)));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        System.out.println("ready");
    }

    /**
     * It answers with the very documents that it keeps, which another connection's update could change before they are sent:
     * of four who each add one, two read the sum. So commands take turns, and each answer is a copy made in its turn.
     */
    private static MongoBackend oneByOne(MongoBackend backend) {
        return (MongoBackend) Proxy.newProxyInstance(Launcher.class.getClassLoader(), new Class<?>[] {MongoBackend.class}, (proxy, method, arguments) -> {
            synchronized (backend) {
                try {
                    var answer = method.invoke(backend, arguments);
                    return answer instanceof Document document ? document.cloneDeeply() : answer;
                } catch (InvocationTargetException failure) {
                    throw failure.getCause();
                }
            }
        });
    }
}
