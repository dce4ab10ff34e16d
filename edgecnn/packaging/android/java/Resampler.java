package dev.edgecnn.ondevice;

/**
 * Antialiased fixed-point resampling: the same integers as edgecnn/ondevice/resize.py, to the last bit.
 *
 * <p>Rows are resampled first, then columns; weights have 22 fractional bits, each pass rounds half up.
 */
final class Resampler {
    private static final int PRECISION_BITS = 22;
    private static final double BICUBIC_A = -0.5;

    private Resampler() {}

    /** Which source pixels make each output pixel of an axis, and how much of each. */
    private static final class Weights {
        final int[] first;
        final int[] fixed;
        final int taps;

        Weights(int inSize, int outSize, boolean bicubic) {
            double scale = (double) inSize / outSize;
            double widening = Math.max(scale, 1.0);
            double support = (bicubic ? 2.0 : 1.0) * widening;
            taps = (int) Math.ceil(support) * 2 + 1;
            first = new int[outSize];
            fixed = new int[outSize * taps];
            double[] weight = new double[taps];
            for (int out = 0; out < outSize; out++) {
                double center = (out + 0.5) * scale;
                int begin = Math.max((int) (center - support + 0.5), 0);
                int end = Math.min((int) (center + support + 0.5), inSize);
                double total = 0.0;
                for (int tap = 0; tap < taps; tap++) {
                    double x = (begin + tap - center + 0.5) * (1.0 / widening);
                    weight[tap] = begin + tap < end ? kernel(x, bicubic) : 0.0;
                    total += weight[tap];
                }
                first[out] = begin;
                for (int tap = 0; tap < taps; tap++) {
                    double share = weight[tap] / total;
                    fixed[out * taps + tap] = (int) (share * (1 << PRECISION_BITS) + Math.copySign(0.5, share));
                }
            }
        }
    }

    /**
     * Resizes an image and returns a window of the result.
     *
     * @param pixels rows of {@code inWidth} pixels of {@code channels} bytes
     * @param window top, left, height and width of the part that is returned
     */
    static byte[] resize(
            byte[] pixels, int inHeight, int inWidth, int channels, int height, int width, boolean bicubic,
            int[] window) {
        int top = window[0];
        int left = window[1];
        int rows = window[2];
        int columns = window[3];
        byte[] wide = inWidth == width && columns == width
                ? pixels
                : horizontal(pixels, inHeight, inWidth, channels, width, bicubic, left, columns);
        return inHeight == height && rows == height
                ? wide
                : vertical(wide, inHeight, columns, channels, height, bicubic, top, rows);
    }

    private static byte[] horizontal(
            byte[] pixels, int height, int inWidth, int channels, int outWidth, boolean bicubic, int left,
            int columns) {
        byte[] result = new byte[height * columns * channels];
        if (inWidth == outWidth) {
            for (int y = 0; y < height; y++) {
                System.arraycopy(
                        pixels, (y * inWidth + left) * channels, result, y * columns * channels,
                        columns * channels);
            }
            return result;
        }
        Weights weights = new Weights(inWidth, outWidth, bicubic);
        for (int y = 0; y < height; y++) {
            int row = y * inWidth;
            int target = y * columns * channels;
            for (int x = 0; x < columns; x++) {
                int begin = weights.first[left + x];
                int taps = Math.min(weights.taps, inWidth - begin);
                int base = (left + x) * weights.taps;
                for (int channel = 0; channel < channels; channel++) {
                    int total = 1 << (PRECISION_BITS - 1);
                    int source = (row + begin) * channels + channel;
                    for (int tap = 0; tap < taps; tap++, source += channels) {
                        total += (pixels[source] & 0xFF) * weights.fixed[base + tap];
                    }
                    result[target++] = clip(total);
                }
            }
        }
        return result;
    }

    private static byte[] vertical(
            byte[] pixels, int inHeight, int width, int channels, int outHeight, boolean bicubic, int top,
            int rows) {
        int stride = width * channels;
        byte[] result = new byte[rows * stride];
        if (inHeight == outHeight) {
            System.arraycopy(pixels, top * stride, result, 0, rows * stride);
            return result;
        }
        Weights weights = new Weights(inHeight, outHeight, bicubic);
        for (int y = 0; y < rows; y++) {
            int begin = weights.first[top + y];
            int taps = Math.min(weights.taps, inHeight - begin);
            int base = (top + y) * weights.taps;
            for (int x = 0; x < stride; x++) {
                int total = 1 << (PRECISION_BITS - 1);
                int source = begin * stride + x;
                for (int tap = 0; tap < taps; tap++, source += stride) {
                    total += (pixels[source] & 0xFF) * weights.fixed[base + tap];
                }
                result[y * stride + x] = clip(total);
            }
        }
        return result;
    }

    private static byte clip(int total) {
        return (byte) Math.min(Math.max(total >> PRECISION_BITS, 0), 255);
    }

    private static double kernel(double position, boolean bicubic) {
        double x = Math.abs(position);
        if (!bicubic) {
            return x < 1.0 ? 1.0 - x : 0.0;
        }
        double a = BICUBIC_A;
        if (x < 1.0) {
            return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
        }
        return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
    }
}
