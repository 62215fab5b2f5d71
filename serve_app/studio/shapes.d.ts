/** What the API answers with, as far as the modules use it. */
interface Clip {
  id: string;
  service: "styletts2" | "seedvc" | "make-an-audio";
  state: "pending" | "succeeded" | "failed" | "cancelled";
  text: string | null;
  voice: string | null;
  format: string;
  sample_rate: number | null;
  seed: number;
  options: Record<string, any>;
  credits: number;
  created_at: string;
  start_at: string;
  error: { code: string; message: string } | null;
  audio: { url: string; expires_at: string; seconds: number; bytes: number } | null;
  note: string | null;
  timings: any;
  /** What the events told of a pending clip. */
  live?: any;
}

interface Service {
  name: string;
  title: string;
  installed: boolean;
  pipeline: string;
  device: string;
  sample_rate: number;
  credits: number;
  submit: string;
  install: string;
  note: string | null;
  ignored: string[];
  own_voices: boolean;
  options: Record<string, { maxLength?: number; minimum?: number; maximum?: number }>;
}
