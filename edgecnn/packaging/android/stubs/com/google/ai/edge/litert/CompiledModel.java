package com.google.ai.edge.litert;

import android.content.res.AssetManager;
import java.util.List;

public final class CompiledModel extends JniHandle {
    public static class Options {
        public Options(Accelerator... accelerators) {
            throw new UnsupportedOperationException();
        }
    }

    public static CompiledModel create(AssetManager assetManager, String assetName, Options options)
            throws LiteRtException {
        throw new UnsupportedOperationException();
    }

    public List<TensorBuffer> createInputBuffers() throws LiteRtException {
        throw new UnsupportedOperationException();
    }

    public List<TensorBuffer> createOutputBuffers() throws LiteRtException {
        throw new UnsupportedOperationException();
    }

    public void run(List<TensorBuffer> inputs, List<TensorBuffer> outputs) throws LiteRtException {
        throw new UnsupportedOperationException();
    }
}
