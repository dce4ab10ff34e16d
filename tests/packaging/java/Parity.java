package dev.edgecnn.ondevice;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;

/** Runs the package's Java code on the JVM over files that the tests wrote. */
final class Parity {
    public static void main(String[] arguments) throws IOException {
        Path folder = Paths.get(arguments[1]);
        Description description;
        try (InputStream stream = Files.newInputStream(folder.resolve("model.properties"))) {
            description = new Description(stream);
        }
        Preprocessor preprocessor = new Preprocessor(description, Files.readAllBytes(folder.resolve("input_table.bin")));
        for (String line : Files.readAllLines(folder.resolve("cases.txt"))) {
            String[] parts = line.split(" ");
            int height = Integer.parseInt(parts[1]);
            int width = Integer.parseInt(parts[2]);
            byte[] data = Files.readAllBytes(folder.resolve(parts[0]));
            Path out = folder.resolve(parts[0] + ".out");
            if (arguments[0].equals("prepare")) {
                ByteBuffer tensor = preprocessor.prepare(data, height, width);
                byte[] bytes = new byte[tensor.remaining()];
                tensor.get(bytes);
                Files.write(out, bytes);
            } else if (arguments[0].equals("white")) {
                byte[] rgb = new byte[data.length / 4 * 3];
                for (int pixel = 0, at = 0; pixel < data.length / 4; pixel++) {
                    int argb = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getInt(4 * pixel);
                    for (int shift = 16; shift >= 0; shift -= 8) {
                        rgb[at++] = Preprocessor.onWhite(argb, shift);
                    }
                }
                Files.write(out, rgb);
            } else if (arguments[0].equals("classify")) {
                write(out, Classification.best(floats(data), labels(1000), 5));
            } else {
                write(out, new DetectionDecoder(description, preprocessor)
                        .decode(split(description, floats(data)), height, width, labels(1000)));
            }
        }
    }

    private static void write(Path out, List<?> found) throws IOException {
        List<String> lines = new ArrayList<>();
        for (Object item : found) {
            if (item instanceof Detection) {
                Detection box = (Detection) item;
                lines.add(box.getIndex() + " " + box.getScore() + " " + box.getLeft() + " " + box.getTop() + " "
                        + box.getRight() + " " + box.getBottom());
            } else {
                Classification best = (Classification) item;
                lines.add(best.getIndex() + " " + best.getProbability());
            }
        }
        Files.write(out, lines);
    }

    private static float[] floats(byte[] data) {
        float[] values = new float[data.length / 4];
        ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }

    private static float[][] split(Description description, float[] values) {
        float[][] outputs = new float[description.number("outputs")][];
        int at = 0;
        for (int index = 0; index < outputs.length; index++) {
            outputs[index] = new float[description.number("output." + index + ".size")];
            System.arraycopy(values, at, outputs[index], 0, outputs[index].length);
            at += outputs[index].length;
        }
        return outputs;
    }

    private static List<String> labels(int count) {
        List<String> labels = new ArrayList<>();
        for (int index = 0; index < count; index++) {
            labels.add("class " + index);
        }
        return labels;
    }
}
