package dev.edgecnn.ondevice;

import android.content.Context;
import android.content.res.AssetManager;
import android.graphics.Bitmap;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The model of this package: a photo in, classes or boxes out.
 *
 * <p>Preprocessing is the package's own, in the same integers as in training: give it the photo as it is, upright,
 * and do not resize it before. Not for use by two threads at the same time; not for the main thread.
 */
public final class VisionModel implements AutoCloseable {
    private static final String FOLDER = "@NAME@";

    private final Description description;
    private final Preprocessor preprocessor;
    private final Backend backend;
    private final List<String> labels;
    private final SelfTest.Files files;

    VisionModel(Description description, SelfTest.Files files, Backend backend) throws IOException {
        this.description = description;
        this.files = files;
        this.backend = backend;
        preprocessor = new Preprocessor(description, files.read("input_table.bin"));
        List<String> lines = new ArrayList<>();
        for (String line : new String(files.read("labels.txt"), StandardCharsets.UTF_8).split("\n")) {
            lines.add(line);
        }
        labels = Collections.unmodifiableList(lines);
    }

    /** Opens the model with LiteRT's Interpreter on the CPU, with one thread. */
    public static VisionModel open(Context context) throws IOException {
        return open(context, 1);
    }

    /** Opens the model with LiteRT's Interpreter on the CPU. */
    public static VisionModel open(Context context, int threads) throws IOException {
        SelfTest.Files files = files(context.getAssets());
        Description description = describe(files);
        String asset = FOLDER + "/" + description.text("model");
        return new VisionModel(description, files, new InterpreterBackend(context, description, asset, threads));
    }

    /**
     * Opens the model with LiteRT's CompiledModel: the NPU takes what it can.
     *
     * <p>An NPU may round differently; {@link #selfTest} says whether it stays within the tolerance.
     */
    public static VisionModel openOnNpu(Context context) throws IOException {
        SelfTest.Files files = files(context.getAssets());
        Description description = describe(files);
        String asset = FOLDER + "/" + description.text("model");
        return new VisionModel(description, files, new CompiledModelBackend(context, description, asset));
    }

    /** Names of the classes. */
    public List<String> getLabels() {
        return labels;
    }

    /** The {@code k} most probable classes of an upright photo, best first. */
    public List<Classification> classify(Bitmap photo, int k) {
        return classes(input(photo), k);
    }

    /** The same of pixels, three bytes each, red first, rows without gaps. */
    public List<Classification> classify(ByteBuffer rgb, int height, int width, int k) {
        return classes(preprocessor.prepare(bytes(rgb), height, width), k);
    }

    /** What is found in an upright photo, the best score first; boxes are in the photo's pixels. */
    public List<Detection> detect(Bitmap photo) {
        return boxes(input(photo), photo.getHeight(), photo.getWidth());
    }

    /** The same of pixels, three bytes each, red first, rows without gaps. */
    public List<Detection> detect(ByteBuffer rgb, int height, int width) {
        return boxes(preprocessor.prepare(bytes(rgb), height, width), height, width);
    }

    /** What the network answers for an upright photo, every output dequantized: for tasks without a decoder here. */
    public float[][] run(Bitmap photo) {
        return outputs(input(photo));
    }

    /** The same of pixels, three bytes each, red first, rows without gaps. */
    public float[][] run(ByteBuffer rgb, int height, int width) {
        return outputs(preprocessor.prepare(bytes(rgb), height, width));
    }

    /** Compares this device with what the package was built with; takes some inferences. */
    public SelfTest selfTest() throws IOException {
        return SelfTest.run(description, preprocessor, backend, files);
    }

    @Override
    public void close() {
        backend.close();
    }

    private List<Classification> classes(ByteBuffer input, int k) {
        need("classification");
        return Classification.best(output(backend.run(input), 0), labels, k);
    }

    private List<Detection> boxes(ByteBuffer input, int height, int width) {
        need("detection");
        return new DetectionDecoder(description, preprocessor).decode(outputs(input), height, width, labels);
    }

    private float[][] outputs(ByteBuffer input) {
        ByteBuffer[] raw = backend.run(input);
        float[][] outputs = new float[raw.length][];
        for (int index = 0; index < raw.length; index++) {
            outputs[index] = output(raw, index);
        }
        return outputs;
    }

    private void need(String task) {
        if (!description.text("task").equals(task)) {
            throw new UnsupportedOperationException("this model does " + description.text("task"));
        }
    }

    /** An output as float32, dequantized. */
    private float[] output(ByteBuffer[] outputs, int index) {
        String tensor = "output." + index;
        float[] values = new float[description.number(tensor + ".size")];
        String dtype = description.text(tensor + ".dtype");
        if (dtype.equals("float32")) {
            outputs[index].asFloatBuffer().get(values);
            return values;
        }
        float scale = description.real(tensor + ".scale");
        int zeroPoint = description.number(tensor + ".zero_point");
        for (int at = 0; at < values.length; at++) {
            int level = outputs[index].get(at);
            values[at] = ((dtype.equals("uint8") ? level & 0xFF : level) - zeroPoint) * scale;
        }
        return values;
    }

    private ByteBuffer input(Bitmap photo) {
        int height = photo.getHeight();
        int width = photo.getWidth();
        int[] row = new int[width];
        byte[] rgb = new byte[3 * height * width];
        int at = 0;
        for (int y = 0; y < height; y++) {
            photo.getPixels(row, 0, width, 0, y, width, 1);
            for (int pixel : row) {
                rgb[at++] = Preprocessor.onWhite(pixel, 16);
                rgb[at++] = Preprocessor.onWhite(pixel, 8);
                rgb[at++] = Preprocessor.onWhite(pixel, 0);
            }
        }
        return preprocessor.prepare(rgb, height, width);
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] values = new byte[buffer.remaining()];
        buffer.duplicate().order(ByteOrder.nativeOrder()).get(values);
        return values;
    }

    private static Description describe(SelfTest.Files files) throws IOException {
        return new Description(new ByteArrayInputStream(files.read("model.properties")));
    }

    private static SelfTest.Files files(AssetManager assets) {
        return name -> {
            try (InputStream stream = assets.open(FOLDER + "/" + name)) {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                byte[] block = new byte[1 << 16];
                for (int count = stream.read(block); count >= 0; count = stream.read(block)) {
                    bytes.write(block, 0, count);
                }
                return bytes.toByteArray();
            }
        };
    }
}
