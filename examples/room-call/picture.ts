/** Pictures of video elements, compared. */

/** The brightness of what is shown, at a raster of its points. All the same where nothing is. */
export function brightness(video: HTMLVideoElement): number[] {
  const [width, height] = [32, 24];
  const context = new OffscreenCanvas(width, height).getContext('2d') as OffscreenCanvasRenderingContext2D;
  if (video.videoWidth > 0) context.drawImage(video, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, i) =>
    [0, 1, 2].reduce((sum, c) => sum + (data[4 * i + c] ?? 0), 0),
  );
}

/** How far two pictures go together: Pearson's correlation, 1 for the same, about 0 for noise; 0 for a plain one. */
export function likeness(left: readonly number[], right: readonly number[]): number {
  const mean = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0) / of.length;
  const [leftMean, rightMean] = [mean(left), mean(right)];
  const together = mean(left.map((value, i) => (value - leftMean) * ((right[i] ?? 0) - rightMean)));
  const spread = Math.sqrt(mean(left.map((v) => (v - leftMean) ** 2)) * mean(right.map((v) => (v - rightMean) ** 2)));
  return spread === 0 ? 0 : together / spread;
}
