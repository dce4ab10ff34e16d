package dev.edgecnn.ondevice;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Compares this device with the golden vectors: what the package computed when it was built. */
public final class SelfTest {
    private final int pictures;
    private final List<String> problems;

    private SelfTest(int pictures, List<String> problems) {
        this.pictures = pictures;
        this.problems = Collections.unmodifiableList(problems);
    }

    /** How many golden pictures there are. */
    public int getPictures() {
        return pictures;
    }

    /** What is wrong, one line each; empty if all is well. */
    public List<String> getProblems() {
        return problems;
    }

    /** Whether the device computes what the package was built with. */
    public boolean isPassed() {
        return problems.isEmpty();
    }

    /** Reads a file of the package. */
    interface Files {
        byte[] read(String name) throws IOException;
    }

    static SelfTest run(Description description, Preprocessor preprocessor, Backend backend, Files files)
            throws IOException {
        List<String> problems = new ArrayList<>();
        int count = description.number("golden.count");
        for (int index = 0; index < count; index++) {
            String name = description.text("golden." + index + ".file");
            ByteBuffer input = prepare(preprocessor, files.read(name));
            if (!sha256(input, description.elementBytes("input"))
                    .equals(description.text("golden." + index + ".input_sha256"))) {
                problems.add("preprocessing of " + name + " gives another input tensor");
            }
            ByteBuffer[] outputs = backend.run(input);
            for (int output = 0; output < outputs.length; output++) {
                float off = difference(description, files, output, index, outputs[output]);
                float tolerance = description.real("output." + output + ".tolerance");
                if (!(off <= tolerance)) {
                    problems.add(name + ": off by " + off + ", more than " + tolerance);
                }
            }
        }
        return new SelfTest(count, problems);
    }

    /** Reads a binary PPM file of 8 bits and prepares it. */
    static ByteBuffer prepare(Preprocessor preprocessor, byte[] ppm) {
        int[] header = new int[3];
        int at = 2;
        for (int field = 0; field < header.length; field++) {
            at++;
            while (ppm[at] > ' ') {
                header[field] = 10 * header[field] + ppm[at++] - '0';
            }
        }
        byte[] rgb = new byte[ppm.length - at - 1];
        System.arraycopy(ppm, at + 1, rgb, 0, rgb.length);
        return preprocessor.prepare(rgb, header[1], header[0]);
    }

    private static float difference(
            Description description, Files files, int output, int picture, ByteBuffer found) throws IOException {
        String tensor = "output." + output;
        int size = description.number(tensor + ".size");
        int bytes = description.elementBytes(tensor);
        ByteBuffer golden = ByteBuffer.wrap(files.read(description.text(tensor + ".golden")))
                .order(ByteOrder.LITTLE_ENDIAN);
        boolean unsigned = description.text(tensor + ".dtype").equals("uint8");
        float largest = 0;
        for (int index = 0; index < size; index++) {
            float want = value(golden, (picture * size + index) * bytes, bytes, unsigned);
            float have = value(found, index * bytes, bytes, unsigned);
            float off = Math.abs(want - have);
            largest = off <= largest ? largest : off; // NaN wins
        }
        return largest;
    }

    private static float value(ByteBuffer buffer, int at, int bytes, boolean unsigned) {
        if (bytes == 4) {
            return buffer.getFloat(at);
        }
        return unsigned ? buffer.get(at) & 0xFF : buffer.get(at);
    }

    private static String sha256(ByteBuffer tensor, int elementBytes) {
        byte[] bytes = new byte[tensor.remaining()];
        ByteBuffer copy = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < bytes.length; at += elementBytes) {
            if (elementBytes == 4) {
                copy.putFloat(tensor.getFloat(at));
            } else {
                copy.put(tensor.get(at));
            }
        }
        try {
            StringBuilder text = new StringBuilder();
            for (byte value : MessageDigest.getInstance("SHA-256").digest(bytes)) {
                text.append(String.format("%02x", value));
            }
            return text.toString();
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Android has SHA-256", error);
        }
    }
}
