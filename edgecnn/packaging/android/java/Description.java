package dev.edgecnn.ondevice;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/** What the package says of its model: {@code model.properties}, written when the package was built. */
final class Description {
    private final Properties values = new Properties();

    Description(InputStream stream) throws IOException {
        values.load(new InputStreamReader(stream, StandardCharsets.UTF_8));
    }

    String text(String key) {
        String value = values.getProperty(key);
        if (value == null) {
            throw new IllegalStateException("the package is damaged: model.properties has no " + key);
        }
        return value;
    }

    boolean has(String key) {
        return values.getProperty(key) != null;
    }

    int number(String key) {
        return Integer.parseInt(text(key));
    }

    float real(String key) {
        return Float.parseFloat(text(key));
    }

    /** Bytes of one element of a tensor. */
    int elementBytes(String tensor) {
        return text(tensor + ".dtype").equals("float32") ? 4 : 1;
    }
}
