// A choice that was made for the user, with the reason: what `rrun explain` prints.

export interface Decision {
  /** What was decided: "capabilities", "user", "mount /dev/shm"… */
  topic: string;
  /** The outcome, short: "14 of 41". */
  choice: string;
  /** Why, as a clause: "Docker's default set". */
  why: string;
}
