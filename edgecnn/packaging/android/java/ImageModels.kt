package dev.edgecnn.ondevice

import android.content.Context
import android.graphics.Bitmap

/** Opens the model, uses it and closes it again. */
inline fun <T> Context.withVisionModel(threads: Int = 1, use: (VisionModel) -> T): T {
    val model = VisionModel.open(this, threads)
    try {
        return use(model)
    } finally {
        model.close()
    }
}

/** The most probable class of an upright photo. */
fun VisionModel.best(photo: Bitmap): Classification = classify(photo, 1).first()

/** What is found in an upright photo with at least this score. */
fun VisionModel.detect(photo: Bitmap, score: Float): List<Detection> = detect(photo).filter { it.score >= score }
