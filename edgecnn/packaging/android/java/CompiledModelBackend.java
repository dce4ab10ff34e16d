package dev.edgecnn.ondevice;

import android.content.Context;
import com.google.ai.edge.litert.Accelerator;
import com.google.ai.edge.litert.CompiledModel;
import com.google.ai.edge.litert.LiteRtException;
import com.google.ai.edge.litert.TensorBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** LiteRT's CompiledModel: the NPU takes what it can, the CPU the rest. */
final class CompiledModelBackend implements Backend {
    private final CompiledModel model;
    private final List<TensorBuffer> inputs;
    private final List<TensorBuffer> outputs;
    private final boolean floatInput;
    private final boolean[] floatOutputs;

    CompiledModelBackend(Context context, Description description, String asset) {
        floatInput = description.elementBytes("input") == 4;
        floatOutputs = new boolean[description.number("outputs")];
        for (int index = 0; index < floatOutputs.length; index++) {
            floatOutputs[index] = description.elementBytes("output." + index) == 4;
        }
        try {
            CompiledModel.Options options = new CompiledModel.Options(Accelerator.NPU, Accelerator.CPU);
            model = CompiledModel.create(context.getAssets(), asset, options);
            inputs = model.createInputBuffers();
            outputs = model.createOutputBuffers();
        } catch (LiteRtException error) {
            throw new IllegalStateException("the model cannot be compiled for this device", error);
        }
    }

    @Override
    public ByteBuffer[] run(ByteBuffer input) {
        try {
            write(input);
            model.run(inputs, outputs);
            ByteBuffer[] found = new ByteBuffer[floatOutputs.length];
            for (int index = 0; index < found.length; index++) {
                found[index] = read(outputs.get(index), floatOutputs[index]);
            }
            return found;
        } catch (LiteRtException error) {
            throw new IllegalStateException("the model cannot be run on this device", error);
        }
    }

    private void write(ByteBuffer input) throws LiteRtException {
        if (floatInput) {
            float[] values = new float[input.remaining() / 4];
            input.asFloatBuffer().get(values);
            inputs.get(0).writeFloat(values);
        } else {
            byte[] values = new byte[input.remaining()];
            input.get(values);
            inputs.get(0).writeInt8(values);
        }
    }

    private static ByteBuffer read(TensorBuffer output, boolean isFloat) throws LiteRtException {
        if (!isFloat) {
            return ByteBuffer.wrap(output.readInt8()).order(ByteOrder.nativeOrder());
        }
        float[] values = output.readFloat();
        ByteBuffer result = ByteBuffer.allocate(4 * values.length).order(ByteOrder.nativeOrder());
        result.asFloatBuffer().put(values);
        return result;
    }

    @Override
    public void close() {
        for (TensorBuffer buffer : inputs) {
            buffer.close();
        }
        for (TensorBuffer buffer : outputs) {
            buffer.close();
        }
        model.close();
    }
}
