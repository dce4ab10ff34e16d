package dev.edgecnn.ondevice;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * From the pixels of a photo to the model's input tensor: the preprocessing contract, in the same integers as
 * training and evaluation executed it.
 */
final class Preprocessor {
    private static final long MAX_PIXELS = 1 << 26;

    private final int height;
    private final int width;
    private final int channels;
    private final boolean bgr;
    private final String resize;
    private final boolean bicubic;
    private final int targetHeight;
    private final int targetWidth;
    private final byte pad;
    private final int elementBytes;
    private final byte[] table;

    /**
     * @param table the value of every byte in every channel, {@code [256][channels]}, little-endian elements of
     *     the input's type: normalization and quantization in one
     */
    Preprocessor(Description description, byte[] table) {
        height = description.number("input.height");
        width = description.number("input.width");
        String color = description.text("input.color");
        channels = color.equals("gray") ? 1 : 3;
        bgr = color.equals("bgr");
        resize = description.text("input.resize");
        bicubic = description.text("input.interpolation").equals("bicubic");
        targetHeight = description.number("input.resize_height");
        targetWidth = description.number("input.resize_width");
        pad = (byte) description.number("input.pad");
        elementBytes = description.elementBytes("input");
        this.table = table;
        if (table.length != 256 * channels * elementBytes) {
            throw new IllegalStateException("the package is damaged: the input table has " + table.length + " bytes");
        }
    }

    /** Where a source image lands: the size it is resized to, and the first row and column that are shown. */
    int[] place(int sourceHeight, int sourceWidth) {
        if (resize.equals("squash")) {
            return new int[] {height, width, 0, 0};
        }
        if (resize.equals("letterbox")) {
            if ((long) height * sourceWidth <= (long) width * sourceHeight) {
                return new int[] {height, (int) Math.max(1, (long) height * sourceWidth / sourceHeight), 0, 0};
            }
            return new int[] {(int) Math.max(1, (long) width * sourceHeight / sourceWidth), width, 0, 0};
        }
        long tall = targetHeight;
        long wide = targetWidth;
        if (tall * sourceWidth >= wide * sourceHeight) {
            wide = tall * sourceWidth / sourceHeight;
        } else {
            tall = wide * sourceHeight / sourceWidth;
        }
        if (tall * wide > MAX_PIXELS) {
            throw new IllegalArgumentException(sourceWidth + "x" + sourceHeight + " pixels is too narrow");
        }
        return new int[] {(int) tall, (int) wide, half((int) tall - height), half((int) wide - width)};
    }

    /** Half of a difference, halves to the even side. */
    private static int half(int difference) {
        int half = difference / 2;
        return difference % 2 == 0 ? half : half + (half & 1);
    }

    /**
     * Returns the input tensor of an image.
     *
     * @param rgb upright pixels, three bytes each
     */
    ByteBuffer prepare(byte[] rgb, int sourceHeight, int sourceWidth) {
        if (sourceHeight < 1 || sourceWidth < 1 || (long) sourceHeight * sourceWidth > MAX_PIXELS) {
            throw new IllegalArgumentException(sourceWidth + "x" + sourceHeight + " pixels cannot be used");
        }
        if (rgb.length != 3L * sourceHeight * sourceWidth) {
            throw new IllegalArgumentException(
                    rgb.length + " bytes are not " + sourceWidth + "x" + sourceHeight + " RGB pixels");
        }
        byte[] source = channels == 3 ? rgb : gray(rgb);
        int[] where = place(sourceHeight, sourceWidth);
        int rows = Math.min(where[0], height);
        int columns = Math.min(where[1], width);
        int[] window = {where[2], where[3], rows, columns};
        byte[] shown = Resampler.resize(
                source, sourceHeight, sourceWidth, channels, where[0], where[1], bicubic, window);
        return look(padded(shown, rows, columns));
    }

    /**
     * A channel of a pixel, laid on white if it is transparent, as in training and evaluation.
     *
     * @param argb the pixel, not premultiplied
     * @param shift position of the channel's byte: 16 for red, 8 for green, 0 for blue
     */
    static byte onWhite(int argb, int shift) {
        int alpha = argb >>> 24;
        int scaled = (argb >> shift & 0xFF) * alpha + 128;
        return (byte) ((scaled + (scaled >> 8) >> 8) + 255 - alpha);
    }

    /** The luma of ITU-R BT.601 in Pillow's 16-bit fixed point. */
    private static byte[] gray(byte[] rgb) {
        byte[] result = new byte[rgb.length / 3];
        for (int pixel = 0, at = 0; pixel < result.length; pixel++, at += 3) {
            int red = rgb[at] & 0xFF;
            int green = rgb[at + 1] & 0xFF;
            int blue = rgb[at + 2] & 0xFF;
            result[pixel] = (byte) ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
        }
        return result;
    }

    private byte[] padded(byte[] shown, int rows, int columns) {
        if (rows == height && columns == width) {
            return shown;
        }
        byte[] result = new byte[height * width * channels];
        Arrays.fill(result, pad);
        for (int y = 0; y < rows; y++) {
            System.arraycopy(shown, y * columns * channels, result, y * width * channels, columns * channels);
        }
        return result;
    }

    private ByteBuffer look(byte[] pixels) {
        ByteBuffer result = ByteBuffer.allocateDirect(pixels.length * elementBytes).order(ByteOrder.nativeOrder());
        boolean swap = bgr;
        ByteBuffer values = ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < pixels.length; at += channels) {
            for (int channel = 0; channel < channels; channel++) {
                int pixel = pixels[at + (swap ? channels - 1 - channel : channel)] & 0xFF;
                int index = pixel * channels + channel;
                if (elementBytes == 1) {
                    result.put(table[index]);
                } else {
                    result.putFloat(values.getFloat(4 * index));
                }
            }
        }
        result.rewind();
        return result;
    }
}
