package dev.edgecnn.ondevice;

import android.content.Context;
import android.content.res.AssetFileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.HashMap;
import java.util.Map;
import org.tensorflow.lite.Interpreter;

/** LiteRT's Interpreter, on the CPU. */
final class InterpreterBackend implements Backend {
    private final Interpreter interpreter;
    private final int[] outputBytes;

    InterpreterBackend(Context context, Description description, String asset, int threads) throws IOException {
        outputBytes = new int[description.number("outputs")];
        for (int index = 0; index < outputBytes.length; index++) {
            String tensor = "output." + index;
            outputBytes[index] = description.number(tensor + ".size") * description.elementBytes(tensor);
        }
        interpreter = new Interpreter(map(context, asset), new Interpreter.Options().setNumThreads(threads));
    }

    /** Maps the model into memory; it is stored in the package, not compressed, so nothing is copied. */
    private static ByteBuffer map(Context context, String asset) throws IOException {
        try (AssetFileDescriptor file = context.getAssets().openFd(asset);
                FileInputStream stream = new FileInputStream(file.getFileDescriptor())) {
            return stream.getChannel()
                    .map(FileChannel.MapMode.READ_ONLY, file.getStartOffset(), file.getDeclaredLength());
        }
    }

    @Override
    public ByteBuffer[] run(ByteBuffer input) {
        ByteBuffer[] outputs = new ByteBuffer[outputBytes.length];
        Map<Integer, Object> targets = new HashMap<>();
        for (int index = 0; index < outputs.length; index++) {
            outputs[index] = ByteBuffer.allocateDirect(outputBytes[index]).order(ByteOrder.nativeOrder());
            targets.put(index, outputs[index]);
        }
        interpreter.runForMultipleInputsOutputs(new Object[] {input}, targets);
        for (ByteBuffer output : outputs) {
            output.rewind();
        }
        return outputs;
    }

    @Override
    public void close() {
        interpreter.close();
    }
}
